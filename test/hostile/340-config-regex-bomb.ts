import { done, finds, type VerbCase } from "./verb-case.ts";
import { adapter, pair } from "./victim.ts";

const hostile: VerbCase = {
  attack: "has the pattern (a+)+$ in target_modules, to run for ever",
  async lay(root) {
    return pair(root, adapter({ target_modules: "(([a-z._0-9]+)+)+!" }));
  },
  answers: {
    inspect: done(),
    diagnose: finds("TENON_ADAPTER_TARGET_UNMATCHED"),
    verify: done(),
    split: done(),
    merge: done(),
    convert: done(),
  },
};
export default hostile;
