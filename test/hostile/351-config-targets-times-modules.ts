import { done, finds, refused, type VerbCase } from "./verb-case.ts";
import { adapter, loraOn, pair } from "./victim.ts";

const hostile: VerbCase = {
  attack: "has as many targets as are read, for tens of thousands of modules",
  async lay(root) {
    const modules = Array.from({ length: 2000 }, (_, at) => `layers.${at}.q_proj`);
    const names = Array.from({ length: 20_000 }, (_, at) => `x${at}`);
    return pair(root, adapter({ target_modules: names }, loraOn(modules)));
  },
  answers: {
    inspect: done(),
    diagnose: finds("TENON_NAMES_NOT_IN_BASE"),
    merge: refused("TENON_ADAPTER_UNMATCHED", 1),
  },
};
export default hostile;
