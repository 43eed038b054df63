import { done, refused, type VerbCase } from "./verb-case.ts";
import { alone, stateDict } from "./victim.ts";

const hostile: VerbCase = {
  attack: "is to be written to /",
  async lay(root) {
    const call = await alone(root, stateDict("default"));
    return { ...call, output: "/" };
  },
  answers: {
    inspect: done(),
    diagnose: done(),
    verify: done(),
    split: refused("TENON_OUTPUT_EXISTS", 5),
    merge: refused("TENON_OUTPUT_EXISTS", 5),
    convert: refused("TENON_OUTPUT_EXISTS", 5),
  },
};
export default hostile;
