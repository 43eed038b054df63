import { done, refused, type VerbCase } from "./verb-case.ts";
import { alone, stateDict } from "./victim.ts";

const hostile: VerbCase = {
  attack: "calls its adapter /tmp/evil",
  async lay(root) {
    return alone(root, stateDict("/tmp/evil"));
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
