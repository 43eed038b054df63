import { done, finds, refused, type VerbCase } from "./verb-case.ts";
import { adapter, loraOn, pair } from "./victim.ts";

const hostile: VerbCase = {
  attack: "has as many patterns as are read, each a regex, for thousands of modules",
  async lay(root) {
    const modules = Array.from({ length: 2000 }, (_, at) => `layers.${at}.q_proj`);
    const patterns = Array.from({ length: 20_000 }, (_, at) => [`[${at % 10}]+${at}$`, 2] as const);
    return pair(root, adapter({ rank_pattern: Object.fromEntries(patterns) }, loraOn(modules)));
  },
  answers: {
    inspect: done(),
    diagnose: finds("TENON_ADAPTER_CONFIG_UNREADABLE"),
    merge: refused("TENON_ADAPTER_CONFIG_FIELD"),
  },
};
export default hostile;
