import { done, finds, type VerbCase } from "./verb-case.ts";
import { adapter, pair } from "./victim.ts";

const hostile: VerbCase = {
  attack: "has a lookbehind in target_modules",
  async lay(root) {
    return pair(root, adapter({ target_modules: "(?<=model).*q_proj" }));
  },
  answers: {
    inspect: done(),
    diagnose: finds("TENON_ADAPTER_CONFIG_UNREADABLE"),
    verify: done(),
    split: done(),
    merge: done(),
    convert: done(),
  },
};
export default hostile;
