import { done, finds, refused, type VerbCase } from "./verb-case.ts";
import { adapter, pair } from "./victim.ts";

const hostile: VerbCase = {
  attack: "has a value of the wrong type in every field of adapter_config.json",
  async lay(root) {
    const fields = [
      "r",
      "lora_alpha",
      "target_modules",
      "exclude_modules",
      "rank_pattern",
      "modules_to_save",
      "bias",
      "use_dora",
    ];
    return pair(root, adapter(Object.fromEntries(fields.map((field) => [field, [[{ field }]]]))));
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
