import { int } from "../pickle/assemble.ts";
import { zeroFiles } from "./saves-victim.ts";
import { refusedBy, type VerbCase } from "./verb-case.ts";
import { alone } from "./victim.ts";

const hostile: VerbCase = {
  attack: "says that two thousand million workers saved it",
  lay(root) {
    const changeOptimizer = (_: unknown, __: number, inner: Record<string, readonly number[]>): void => {
      inner["partition_count"] = int(2 ** 31 - 1);
    };
    return alone(root, zeroFiles({ changeOptimizer }));
  },
  answers: refusedBy("TENON_ZERO_MALFORMED"),
};
export default hostile;
