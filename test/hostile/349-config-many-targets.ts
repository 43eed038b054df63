import { done, finds, refused, type VerbCase } from "./verb-case.ts";
import { adapter, pair } from "./victim.ts";

const hostile: VerbCase = {
  attack: "has a million names in target_modules",
  async lay(root) {
    return pair(
      root,
      adapter({ target_modules: Array.from({ length: 1_000_000 }, (_, at) => at.toString(36)) }),
    );
  },
  answers: {
    inspect: done(),
    diagnose: finds("TENON_ADAPTER_CONFIG_UNREADABLE"),
    merge: refused("TENON_ADAPTER_CONFIG_FIELD"),
  },
};
export default hostile;
