import { done, type VerbCase } from "./verb-case.ts";
import { alone, modelConfig, stateDict } from "./victim.ts";

const hostile: VerbCase = {
  attack: "counts 1e12 experts in config.json",
  async lay(root) {
    return alone(root, {
      ...stateDict("default"),
      "config.json": JSON.stringify({
        ...modelConfig,
        num_experts: 1e12,
        num_local_experts: 1e12,
        num_attention_heads: 0,
        head_dim: -1,
      }),
    });
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
