import { done, finds, refused, type VerbCase } from "./verb-case.ts";
import { adapter, pair } from "./victim.ts";

const hostile: VerbCase = {
  attack: "has r = 0",
  async lay(root) {
    return pair(root, adapter({ r: 0 }));
  },
  answers: {
    inspect: done(),
    diagnose: finds("TENON_ADAPTER_CONFIG_UNREADABLE"),
    verify: done(),
    split: done(),
    merge: refused("TENON_ADAPTER_CONFIG_FIELD"),
    convert: done(),
  },
};
export default hostile;
