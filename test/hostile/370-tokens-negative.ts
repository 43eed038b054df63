import { done, finds, refused, type VerbCase } from "./verb-case.ts";
import { adapter, pair } from "./victim.ts";

const hostile: VerbCase = {
  attack: "changes the token -1",
  async lay(root) {
    const shapes = { "base_model.model.model.embed_tokens.token_adapter.trainable_tokens_delta": [1, 8] };
    return pair(
      root,
      adapter({ target_modules: [], trainable_token_indices: { embed_tokens: [-1] } }, shapes),
    );
  },
  answers: {
    inspect: done(),
    diagnose: finds("TENON_ADAPTER_CONFIG_UNREADABLE"),
    verify: done(),
    split: done(),
    merge: refused("TENON_ADAPTER_CONFIG_FIELD"),
    convert: done(),
  },
};
export default hostile;
