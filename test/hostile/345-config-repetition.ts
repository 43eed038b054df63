import { done, finds, refused, type VerbCase } from "./verb-case.ts";
import { adapter, pair } from "./victim.ts";

const hostile: VerbCase = {
  attack: "has repetitions of repetitions in alpha_pattern, to be unrolled",
  async lay(root) {
    return pair(root, adapter({ alpha_pattern: { "((a{1000}){1000}){1000}": 2 } }));
  },
  answers: {
    inspect: done(),
    diagnose: finds("TENON_ADAPTER_CONFIG_UNREADABLE"),
    verify: done(),
    split: done(),
    merge: refused("TENON_PATTERN_UNSUPPORTED", 4),
    convert: done(),
  },
};
export default hostile;
