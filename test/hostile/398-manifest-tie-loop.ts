import { whole } from "./tenon-victim.ts";
import { done, type VerbCase } from "./verb-case.ts";

const hostile: VerbCase = {
  attack: "ties parameters to each other in tenon.json",
  async lay(root) {
    return whole(root, ({ components }) => {
      components.base.ties = { a: "b", b: "a" };
    });
  },
  answers: {
    inspect: done(),
    diagnose: done(),
    verify: done(),
    split: done(),
    merge: done(),
    convert: done(),
  },
};
export default hostile;
