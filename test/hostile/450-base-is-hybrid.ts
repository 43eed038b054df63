import { done, refused, type VerbCase } from "./verb-case.ts";
import { alone, stateDict } from "./victim.ts";

const hostile: VerbCase = {
  attack: "is a hybrid that is its own base",
  async lay(root) {
    const call = await alone(root, stateDict("default"));
    return { ...call, base: call.source };
  },
  answers: {
    inspect: refused("TENON_BASE_HAS_ADAPTERS", 1),
    diagnose: refused("TENON_BASE_HAS_ADAPTERS", 1),
    verify: done(),
    split: refused("TENON_BASE_HAS_ADAPTERS", 1),
    merge: refused("TENON_BASE_HAS_ADAPTERS", 1),
    convert: refused("TENON_BASE_HAS_ADAPTERS", 1),
  },
};
export default hostile;
