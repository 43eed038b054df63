import { refusedBy, type VerbCase } from "./verb-case.ts";
import { alone, sharded } from "./victim.ts";

const hostile: VerbCase = {
  attack: "names its index as the shard",
  async lay(root) {
    return alone(root, sharded("model.safetensors.index.json"));
  },
  answers: refusedBy("TENON_FORMAT_UNKNOWN", 4),
};
export default hostile;
