import { done, refused, type VerbCase } from "./verb-case.ts";
import { alone, modelConfig, stateDict } from "./victim.ts";

const hostile: VerbCase = {
  attack: "counts 1e15 layers in config.json",
  async lay(root) {
    return alone(root, {
      ...stateDict("default"),
      "config.json": JSON.stringify({ ...modelConfig, num_hidden_layers: 1e15 }),
    });
  },
  answers: {
    inspect: done(),
    diagnose: done(),
    verify: done(),
    split: refused("TENON_BASE_UNNAMED", 1),
    merge: refused("TENON_MERGE_NEEDS_BASE", 1),
    convert: done(),
  },
};
export default hostile;
