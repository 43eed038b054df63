import { done, finds, refused, type VerbCase } from "./verb-case.ts";
import { alone, stateDict } from "./victim.ts";

const hostile: VerbCase = {
  attack: "calls its adapter a/../../evil",
  async lay(root) {
    return alone(root, stateDict("a/../../evil"));
  },
  answers: {
    inspect: done(),
    diagnose: finds("TENON_NAMES_FOREIGN"),
    verify: done(),
    split: refused("TENON_NAMES_FOREIGN", 1),
    merge: refused("TENON_MERGE_NOTHING", 1),
    convert: refused("TENON_NAMES_FOREIGN", 1),
  },
};
export default hostile;
