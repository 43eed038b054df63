import { finds, refused, type VerbCase } from "./verb-case.ts";
import { alone, weights } from "./victim.ts";

const hostile: VerbCase = {
  attack: "has a hundred thousand adapters",
  async lay(root) {
    const names = Array.from({ length: 100_000 }, (_, at) => `q.lora_A.a${at}.weight`);
    return alone(root, {
      "state_dict.safetensors": weights(Object.fromEntries(names.map((name) => [name, [1]])), "U8"),
    });
  },
  answers: {
    inspect: refused("TENON_NAMES_TOO_MANY_ADAPTERS"),
    diagnose: finds("TENON_NAMES_TOO_MANY_ADAPTERS"),
    merge: refused("TENON_NAMES_TOO_MANY_ADAPTERS"),
  },
};
export default hostile;
