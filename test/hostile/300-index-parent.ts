import { refusedBy, type VerbCase } from "./verb-case.ts";
import { alone, lay, modelShapes, sharded, weights } from "./victim.ts";

const hostile: VerbCase = {
  attack: "names a shard ../secret in its index",
  async lay(root) {
    await lay(root, { "secret.safetensors": weights(modelShapes) });
    return alone(root, sharded("../secret.safetensors"));
  },
  answers: refusedBy("TENON_PATH_UNSAFE"),
};
export default hostile;
