import { done, finds, refused, type VerbCase } from "./verb-case.ts";
import { alone, stateDict } from "./victim.ts";

const hostile: VerbCase = {
  attack: "calls its adapter ..",
  async lay(root) {
    return alone(root, stateDict(".."));
  },
  answers: {
    inspect: done(),
    diagnose: finds("TENON_NAMES_ADAPTER_NAME_DOUBLED"),
    verify: done(),
    split: refused("TENON_PATH_UNSAFE"),
    merge: done(),
    convert: refused("TENON_PATH_UNSAFE"),
  },
};
export default hostile;
