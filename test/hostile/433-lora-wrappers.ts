import { refusedBy, type VerbCase } from "./verb-case.ts";
import { alone, weights } from "./victim.ts";

const hostile: VerbCase = {
  attack: "wraps a name a hundred thousand times",
  async lay(root) {
    const path = `${"module.".repeat(100_000)}q_proj`;
    return alone(root, {
      "state_dict.safetensors": weights({
        [`${path}.lora_A.weight`]: [2, 8],
        [`${path}.lora_B.weight`]: [8, 2],
      }),
    });
  },
  answers: refusedBy("TENON_NAMES_TOO_LONG"),
};
export default hostile;
