import { done, type VerbCase } from "./verb-case.ts";
import { alone, modelConfig, stateDict } from "./victim.ts";

const hostile: VerbCase = {
  attack: "has a vocab_size and a number of layers that are text in config.json",
  async lay(root) {
    return alone(root, {
      ...stateDict("default"),
      "config.json": JSON.stringify({ ...modelConfig, vocab_size: "16", num_hidden_layers: "1" }),
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
