import { join } from "node:path";
import { done, type VerbCase } from "./verb-case.ts";
import { alone, stateDict } from "./victim.ts";

const hostile: VerbCase = {
  attack: "is to be written into itself",
  async lay(root) {
    const call = await alone(root, stateDict("default"));
    return { ...call, output: join(call.source, "out") };
  },
  answers: { split: done() },
};
export default hostile;
