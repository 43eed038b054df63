import { done, refused, type VerbCase } from "./verb-case.ts";
import { adapter, alone } from "./victim.ts";

const hostile: VerbCase = {
  attack: "is its own base",
  async lay(root) {
    const call = await alone(root, adapter());
    return { ...call, base: call.source };
  },
  answers: {
    inspect: refused("TENON_BASE_ABSENT", 1),
    diagnose: refused("TENON_BASE_ABSENT", 1),
    verify: done(),
    split: refused("TENON_BASE_ABSENT", 1),
    merge: refused("TENON_BASE_ABSENT", 1),
    convert: refused("TENON_BASE_ABSENT", 1),
  },
};
export default hostile;
