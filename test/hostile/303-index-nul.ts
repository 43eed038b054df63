import { refusedBy, type VerbCase } from "./verb-case.ts";
import { alone, modelShapes, sharded, weights } from "./victim.ts";

const hostile: VerbCase = {
  attack: "names a shard with a NUL in its index",
  async lay(root) {
    return alone(
      root,
      sharded("model-00001-of-00001.safetensors\0.json", {
        "model-00001-of-00001.safetensors": weights(modelShapes),
      }),
    );
  },
  answers: refusedBy("TENON_PATH_UNSAFE"),
};
export default hostile;
