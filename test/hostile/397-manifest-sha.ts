import { whole } from "./tenon-victim.ts";
import { done, finds, type VerbCase } from "./verb-case.ts";

const hostile: VerbCase = {
  attack: "states another SHA-256 in tenon.json",
  async lay(root) {
    return whole(root, ({ components }) => {
      components.base.files[0].sha256 = "0".repeat(64);
    });
  },
  answers: {
    inspect: done(),
    diagnose: done(),
    verify: finds("manifest"),
    split: done(),
    merge: done(),
    convert: done(),
  },
};
export default hostile;
