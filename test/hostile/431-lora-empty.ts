import { done, finds, refused, type VerbCase } from "./verb-case.ts";
import { adapter, attention, pair } from "./victim.ts";

const hostile: VerbCase = {
  attack: "has LoRA factors without elements",
  async lay(root) {
    return pair(
      root,
      adapter(
        {},
        {
          [`base_model.model.${attention}.lora_A.weight`]: [0, 8],
          [`base_model.model.${attention}.lora_B.weight`]: [8, 0],
        },
      ),
    );
  },
  answers: {
    inspect: done(),
    diagnose: finds("TENON_TENSOR_EMPTY"),
    verify: done(),
    split: refused("TENON_TENSOR_EMPTY", 1),
    merge: refused("TENON_ADAPTER_RANK_MISMATCH", 1),
    convert: refused("TENON_TENSOR_EMPTY", 1),
  },
};
export default hostile;
