import { refusedBy, type VerbCase } from "./verb-case.ts";
import { alone, modelConfig } from "./victim.ts";

const hostile: VerbCase = {
  attack: "has a weight_map that is reached by __proto__ only",
  async lay(root) {
    return alone(root, {
      "config.json": JSON.stringify(modelConfig),
      "model.safetensors.index.json": '{"__proto__":{"weight_map":{"a":"x"}}}',
    });
  },
  answers: refusedBy("TENON_INDEX_MALFORMED"),
};
export default hostile;
