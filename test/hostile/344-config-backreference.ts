import { done, finds, refused, type VerbCase } from "./verb-case.ts";
import { adapter, pair } from "./victim.ts";

const hostile: VerbCase = {
  attack: "has a backreference in rank_pattern",
  async lay(root) {
    return pair(root, adapter({ rank_pattern: { "(q|k)_proj\\1": 2 } }));
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
