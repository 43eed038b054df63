import { done, finds, refused, type VerbCase } from "./verb-case.ts";
import { adapter, pair } from "./victim.ts";

const hostile: VerbCase = {
  attack: "has lora_alpha as text",
  async lay(root) {
    return pair(root, adapter({ lora_alpha: "16" }));
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
