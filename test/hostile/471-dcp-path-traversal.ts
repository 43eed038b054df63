import { dcpFiles } from "./saves-victim.ts";
import { refusedBy, type VerbCase } from "./verb-case.ts";
import { alone } from "./victim.ts";

const hostile: VerbCase = {
  attack: "has tensors in a file outside of its directory",
  lay: (root) =>
    alone(
      root,
      dcpFiles((parts) => ({
        ...parts,
        places: [{ name: "model.norm.weight", offset: [0], file: "../../etc/passwd", byteLength: 10 }],
      })),
    ),
  answers: refusedBy("TENON_PATH_UNSAFE"),
};
export default hostile;
