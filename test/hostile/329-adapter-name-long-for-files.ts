import { done, refused, type VerbCase } from "./verb-case.ts";
import { alone, stateDict } from "./victim.ts";

const hostile: VerbCase = {
  attack: "calls its adapter by a name of 300 bytes, longer than a file's may be",
  async lay(root) {
    return alone(root, stateDict("漢".repeat(100)));
  },
  answers: {
    inspect: done(),
    diagnose: done(),
    verify: done(),
    split: refused("TENON_PATH_UNSAFE"),
    merge: done(),
    convert: refused("TENON_PATH_UNSAFE"),
  },
};
export default hostile;
