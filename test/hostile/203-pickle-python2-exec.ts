import { call, global, str } from "../pickle/assemble.ts";
import type { HostileCase } from "./hostile-case.ts";
import { openArchiveOf } from "./torch-file.ts";

const hostile: HostileCase = {
  attack: "names exec as Python 2 spells it (__builtin__)",
  refusal: "TENON_PICKLE_HOSTILE",
  run: () => openArchiveOf(call(global("__builtin__", "exec"), str("pass"))),
};
export default hostile;
