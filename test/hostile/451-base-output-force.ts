import { done, refused, type VerbCase } from "./verb-case.ts";
import { adapter, pair } from "./victim.ts";

const hostile: VerbCase = {
  attack: "has its base as the output, by force",
  async lay(root) {
    const call = await pair(root, adapter());
    return { ...call, output: call.base, force: true };
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
