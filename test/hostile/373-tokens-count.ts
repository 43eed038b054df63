import { done, refused, type VerbCase } from "./verb-case.ts";
import { adapter, pair } from "./victim.ts";

const hostile: VerbCase = {
  attack: "lists more tokens than it has rows",
  async lay(root) {
    const shapes = { "base_model.model.model.embed_tokens.token_adapter.trainable_tokens_delta": [1, 8] };
    return pair(
      root,
      adapter({ target_modules: [], trainable_token_indices: { embed_tokens: [1, 2, 3] } }, shapes),
    );
  },
  answers: {
    inspect: done(),
    diagnose: done(),
    verify: done(),
    split: done(),
    merge: refused("TENON_ADAPTER_SHAPE_MISMATCH", 1),
    convert: done(),
  },
};
export default hostile;
