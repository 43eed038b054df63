import { done, type VerbCase } from "./verb-case.ts";
import { adapter, model, modelConfig, modelShapes, pair, weights } from "./victim.ts";

const hostile: VerbCase = {
  attack: "says tie_word_embeddings yes in config.json",
  async lay(root) {
    const { "lm_head.weight": _, ...shapes } = modelShapes;
    return pair(
      root,
      adapter(),
      model({
        "config.json": JSON.stringify({ ...modelConfig, tie_word_embeddings: "yes" }),
        "model.safetensors": weights(shapes),
      }),
    );
  },
  answers: {
    inspect: done(),
    diagnose: done(),
    verify: done(),
    split: done(),
    merge: done(),
    convert: done(),
  },
};
export default hostile;
