import { refusedBy, type VerbCase } from "./verb-case.ts";
import { alone, stateDict } from "./victim.ts";

const hostile: VerbCase = {
  attack: "calls its adapter by a name of 10 kB",
  async lay(root) {
    return alone(root, stateDict("x".repeat(10_000)));
  },
  answers: refusedBy("TENON_NAMES_TOO_LONG"),
};
export default hostile;
