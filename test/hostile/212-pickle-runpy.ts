import { call, global, none } from "../pickle/assemble.ts";
import type { HostileCase } from "./hostile-case.ts";
import { openArchiveOf } from "./torch-file.ts";

const hostile: HostileCase = {
  attack: "runs a module (runpy._run_code)",
  refusal: "TENON_PICKLE_HOSTILE",
  run: () => openArchiveOf(call(global("runpy", "_run_code"), none)),
};
export default hostile;
