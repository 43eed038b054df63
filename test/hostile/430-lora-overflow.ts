import { fileOf } from "../formats/safetensors/file.ts";
import { done, finds, refused, type VerbCase } from "./verb-case.ts";
import { adapter, pair } from "./victim.ts";

const hostile: VerbCase = {
  attack: "has LoRA factors whose product overflows",
  async lay(root) {
    return pair(root, {
      ...adapter({ r: 2 ** 40 }),
      "adapter_model.safetensors": fileOf(
        `{"base_model.model.a.lora_A.weight":{"dtype":"F32","shape":[${2 ** 40},0],"data_offsets":[0,0]},"base_model.model.a.lora_B.weight":{"dtype":"F32","shape":[0,${2 ** 40}],"data_offsets":[0,0]}}`,
      ),
    });
  },
  answers: {
    inspect: done(),
    diagnose: finds("TENON_NAMES_NOT_IN_BASE"),
    verify: done(),
    split: refused("TENON_TENSOR_EMPTY", 1),
    merge: refused("TENON_ADAPTER_UNMATCHED", 1),
    convert: refused("TENON_TENSOR_EMPTY", 1),
  },
};
export default hostile;
