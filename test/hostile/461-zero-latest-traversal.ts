import { zeroFiles } from "./saves-victim.ts";
import { refusedBy, type VerbCase } from "./verb-case.ts";
import { alone } from "./victim.ts";

const hostile: VerbCase = {
  attack: "leads out of its directory by latest",
  lay: (root) => alone(root, { ...zeroFiles(), latest: "../global_step7" }),
  answers: refusedBy("TENON_ZERO_LATEST_DANGLING"),
};
export default hostile;
