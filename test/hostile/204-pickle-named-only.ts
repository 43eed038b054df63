import { global, record } from "../pickle/assemble.ts";
import type { HostileCase } from "./hostile-case.ts";
import { openArchiveOf, weight } from "./torch-file.ts";

const hostile: HostileCase = {
  attack: "names subprocess.Popen and never calls it",
  refusal: "TENON_PICKLE_HOSTILE",
  run: () => openArchiveOf(record({ w: weight, x: global("subprocess", "Popen") })),
};
export default hostile;
