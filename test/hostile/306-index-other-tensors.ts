import { finds, refused, type VerbCase } from "./verb-case.ts";
import { alone, sharded, weights } from "./victim.ts";

const hostile: VerbCase = {
  attack: "points its index to a file that holds other tensors",
  async lay(root) {
    return alone(
      root,
      sharded("model-00001-of-00001.safetensors", {
        "model-00001-of-00001.safetensors": weights({ other: [2] }),
      }),
    );
  },
  answers: {
    inspect: refused("TENON_INDEX_TENSOR_ABSENT"),
    diagnose: finds("TENON_INDEX_TENSOR_ABSENT"),
    verify: finds("TENON_INDEX_TENSOR_ABSENT"),
    split: refused("TENON_INDEX_TENSOR_ABSENT"),
    merge: refused("TENON_INDEX_TENSOR_ABSENT"),
    convert: refused("TENON_INDEX_TENSOR_ABSENT"),
  },
};
export default hostile;
