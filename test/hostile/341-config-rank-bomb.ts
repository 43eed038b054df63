import { done, type VerbCase } from "./verb-case.ts";
import { adapter, pair } from "./victim.ts";

const hostile: VerbCase = {
  attack: "has nested quantifiers in rank_pattern",
  async lay(root) {
    return pair(root, adapter({ rank_pattern: { "((a|a)*)*b": 4, "(.*.*.*.*.*.*.*)*x": 8 } }));
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
