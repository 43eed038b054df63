import { done, type VerbCase } from "./verb-case.ts";
import { alone, stateDict } from "./victim.ts";

const hostile: VerbCase = {
  attack: "has a companion with the name of a weight file",
  async lay(root) {
    return alone(root, { ...stateDict("default"), "tokenizer.model": "x", "model.safetensors.vocab": "x" });
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
