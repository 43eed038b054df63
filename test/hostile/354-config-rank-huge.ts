import { done, finds, refused, type VerbCase } from "./verb-case.ts";
import { adapter, pair } from "./victim.ts";

const hostile: VerbCase = {
  attack: "has r = 1e9",
  async lay(root) {
    return pair(root, adapter({ r: 1e9 }));
  },
  answers: {
    inspect: done(),
    diagnose: finds("TENON_ADAPTER_RANK_MISMATCH"),
    verify: done(),
    split: done(),
    merge: refused("TENON_ADAPTER_RANK_MISMATCH", 1),
    convert: done(),
  },
};
export default hostile;
