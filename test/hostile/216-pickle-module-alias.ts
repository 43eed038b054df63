import { call, global, none } from "../pickle/assemble.ts";
import type { HostileCase } from "./hostile-case.ts";
import { openArchiveOf } from "./torch-file.ts";

const hostile: HostileCase = {
  attack: "takes os out of a module that imported it",
  refusal: "TENON_PICKLE_HOSTILE",
  run: () => openArchiveOf(call(global("numpy.core", "os"), none)),
};
export default hostile;
