import { done, finds, refused, type VerbCase } from "./verb-case.ts";
import { alone, attention, loraConfig, loraOn, weights } from "./victim.ts";

const hostile: VerbCase = {
  attack: "has adapters whose names differ only in case",
  async lay(root) {
    return alone(root, {
      "adapter_config.json": JSON.stringify(loraConfig),
      "state_dict.safetensors": weights({ ...loraOn([attention], "Task"), ...loraOn([attention], "task") }),
    });
  },
  answers: {
    inspect: done(),
    diagnose: finds("TENON_ADAPTER_CONFIG_MISSING"),
    verify: done(),
    split: refused("TENON_OUTPUT_NAME_COLLISION", 1),
    merge: refused("TENON_ADAPTER_WANTED", 2),
    convert: refused("TENON_LAYOUT_NEEDS_ADAPTER_CONFIG", 1),
  },
};
export default hostile;
