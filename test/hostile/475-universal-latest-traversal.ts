import { refusedBy, type VerbCase } from "./verb-case.ts";
import { alone } from "./victim.ts";

const hostile: VerbCase = {
  attack: "leads out of its directory by latest_universal",
  lay: (root) => alone(root, { latest_universal: "../x", "a_universal/zero/w/fp32.pt": "not read" }),
  answers: refusedBy("TENON_UNIVERSAL_LATEST"),
};
export default hostile;
