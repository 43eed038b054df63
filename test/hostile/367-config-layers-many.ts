import { done, type VerbCase } from "./verb-case.ts";
import { adapter, pair } from "./victim.ts";

const hostile: VerbCase = {
  attack: "has a million layers_to_transform",
  async lay(root) {
    return pair(root, adapter({ layers_to_transform: Array.from({ length: 1_000_000 }, (_, at) => at) }));
  },
  answers: { inspect: done(), diagnose: done(), merge: done() },
};
export default hostile;
