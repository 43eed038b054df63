import { refusedBy, type VerbCase } from "./verb-case.ts";
import { alone, weights } from "./victim.ts";

const hostile: VerbCase = {
  attack: "nests base_layer ten thousand times",
  async lay(root) {
    const path = `base_model.model.q.${"base_layer.".repeat(10_000)}weight`;
    return alone(root, {
      "state_dict.safetensors": weights({ [path]: [2], "base_model.model.q.lora_A.default.weight": [2, 8] }),
    });
  },
  answers: refusedBy("TENON_NAMES_TOO_LONG"),
};
export default hostile;
