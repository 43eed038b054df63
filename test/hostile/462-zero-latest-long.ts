import { zeroFiles } from "./saves-victim.ts";
import { refusedBy, type VerbCase } from "./verb-case.ts";
import { alone } from "./victim.ts";

const hostile: VerbCase = {
  attack: "has a latest of a megabyte",
  lay: (root) => alone(root, { ...zeroFiles(), latest: "x".repeat(1024 * 1024) }),
  answers: refusedBy("TENON_DOCUMENT_TOO_LARGE"),
};
export default hostile;
