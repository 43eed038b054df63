import { zeroFiles } from "./saves-victim.ts";
import { refusedBy, type VerbCase } from "./verb-case.ts";
import { alone } from "./victim.ts";

const hostile: VerbCase = {
  attack: "ties its parameters in a circle",
  lay: (root) => alone(root, zeroFiles({ shared: { a: "b", b: "c", c: "a" } })),
  answers: refusedBy("TENON_ZERO_SHARED_NAMES"),
};
export default hostile;
