import { refusedBy, type VerbCase } from "./verb-case.ts";
import { alone, stateDict } from "./victim.ts";

const hostile: VerbCase = {
  attack: "nests config.json ten thousand deep",
  async lay(root) {
    return alone(root, {
      ...stateDict("default"),
      "config.json": `${'{"a":'.repeat(10_000)}1${"}".repeat(10_000)}`,
    });
  },
  answers: refusedBy("TENON_JSON_TOO_DEEP"),
};
export default hostile;
