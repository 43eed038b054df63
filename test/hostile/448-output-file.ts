import { join } from "node:path";
import { done, refused, type VerbCase } from "./verb-case.ts";
import { alone, lay, stateDict } from "./victim.ts";

const hostile: VerbCase = {
  attack: "is to be written below a file",
  async lay(root) {
    const call = await alone(root, stateDict("default"));
    await lay(root, { file: "x" });
    return { ...call, output: join(root, "file/out") };
  },
  answers: {
    inspect: done(),
    diagnose: done(),
    verify: done(),
    split: refused("TENON_OUTPUT_BELOW_FILE", 5),
    merge: refused("TENON_OUTPUT_BELOW_FILE", 5),
    convert: refused("TENON_OUTPUT_BELOW_FILE", 5),
  },
};
export default hostile;
