import { done, finds, refused, type VerbCase } from "./verb-case.ts";
import { adapter, attention, pair } from "./victim.ts";

const hostile: VerbCase = {
  attack: "has LoRA factors of other dimensions than two",
  async lay(root) {
    return pair(
      root,
      adapter(
        {},
        {
          [`base_model.model.${attention}.lora_A.weight`]: [2, 2, 2, 2],
          [`base_model.model.${attention}.lora_B.weight`]: [16],
        },
      ),
    );
  },
  answers: {
    inspect: done(),
    diagnose: finds("TENON_BASE_WRONG"),
    verify: done(),
    split: refused("TENON_ADAPTER_NOT_IN_BASE", 1),
    merge: refused("TENON_ADAPTER_SHAPE_MISMATCH", 1),
    convert: refused("TENON_ADAPTER_NOT_IN_BASE", 1),
  },
};
export default hostile;
