import { done, refused, type VerbCase } from "./verb-case.ts";
import { alone, stateDict } from "./victim.ts";

const hostile: VerbCase = {
  attack: "has companions whose names differ only in case",
  async lay(root) {
    return alone(root, { ...stateDict("default"), LICENSE: "a", license: "b" });
  },
  answers: {
    inspect: done(),
    diagnose: done(),
    verify: done(),
    split: refused("TENON_OUTPUT_NAME_COLLISION", 1),
    merge: refused("TENON_OUTPUT_NAME_COLLISION", 1),
    convert: refused("TENON_OUTPUT_NAME_COLLISION", 1),
  },
};
export default hostile;
