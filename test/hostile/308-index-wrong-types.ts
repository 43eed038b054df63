import { refusedBy, type VerbCase } from "./verb-case.ts";
import { alone, modelConfig } from "./victim.ts";

const hostile: VerbCase = {
  attack: "gives tensors a list, a number and an object as files in its index",
  async lay(root) {
    return alone(root, {
      "config.json": JSON.stringify(modelConfig),
      "model.safetensors.index.json": '{"weight_map":{"a":["x"],"b":7,"c":{"__proto__":{"polluted":1}}}}',
    });
  },
  answers: refusedBy("TENON_INDEX_MALFORMED"),
};
export default hostile;
