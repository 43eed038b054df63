import { done, refused, type VerbCase } from "./verb-case.ts";
import { alone, stateDict } from "./victim.ts";

const hostile: VerbCase = {
  attack: "is to be written over itself by force",
  async lay(root) {
    const call = await alone(root, stateDict("default"));
    return { ...call, output: call.source, force: true };
  },
  answers: {
    inspect: done(),
    diagnose: done(),
    verify: done(),
    split: refused("TENON_OUTPUT_HOLDS_SOURCE", 2),
    merge: refused("TENON_OUTPUT_HOLDS_SOURCE", 2),
    convert: refused("TENON_OUTPUT_HOLDS_SOURCE", 2),
  },
};
export default hostile;
