import { done, type VerbCase } from "./verb-case.ts";
import { adapter, pair } from "./victim.ts";

const hostile: VerbCase = {
  attack: "has a pattern of ten thousand alternatives",
  async lay(root) {
    return pair(root, adapter({ target_modules: `${"(a|)".repeat(2490)}.*q_proj` }));
  },
  answers: {
    inspect: done(),
    diagnose: done(),
    verify: done(),
    split: done(),
    merge: done(),
    convert: done(),
  },
};
export default hostile;
