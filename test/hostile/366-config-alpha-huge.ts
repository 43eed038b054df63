import { done, refused, type VerbCase } from "./verb-case.ts";
import { adapter, pair } from "./victim.ts";

const hostile: VerbCase = {
  attack: "has lora_alpha = 1e300, which no float32 holds",
  async lay(root) {
    return pair(root, adapter({ lora_alpha: 1e300 }));
  },
  answers: {
    inspect: done(),
    diagnose: done(),
    verify: done(),
    split: done(),
    merge: refused("TENON_MERGE_ERROR_BOUND", 1),
    convert: done(),
  },
};
export default hostile;
