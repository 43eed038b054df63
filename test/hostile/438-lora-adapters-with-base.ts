import { refusedBy, type VerbCase } from "./verb-case.ts";
import { alone, weights } from "./victim.ts";

const hostile: VerbCase = {
  attack: "has ten thousand adapters beside a base of ten thousand tensors",
  async lay(root) {
    const names = Array.from({ length: 10_000 }, (_, at) => [
      `layers.${at}.q.base_layer.weight`,
      `layers.${at}.q.lora_A.a${at}.weight`,
    ]).flat();
    return alone(root, {
      "state_dict.safetensors": weights(Object.fromEntries(names.map((name) => [name, [1]])), "U8"),
    });
  },
  answers: refusedBy("TENON_NAMES_TOO_MANY_ADAPTERS"),
};
export default hostile;
