import { call, stackGlobal, str } from "../pickle/assemble.ts";
import type { HostileCase } from "./hostile-case.ts";
import { openArchiveOf } from "./torch-file.ts";

const hostile: HostileCase = {
  attack: "names eval by STACK_GLOBAL, past scanners that look for GLOBAL",
  refusal: "TENON_PICKLE_HOSTILE",
  run: () => openArchiveOf(call(stackGlobal("builtins", "eval"), str("1+1"))),
};
export default hostile;
