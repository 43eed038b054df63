import { done, finds, refused, type VerbCase } from "./verb-case.ts";
import { adapter, configWith, pair } from "./victim.ts";

const hostile: VerbCase = {
  attack: "has lora_alpha = 1e999, which overflows to infinity",
  async lay(root) {
    return pair(root, adapter(configWith("lora_alpha", "1e999")));
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
