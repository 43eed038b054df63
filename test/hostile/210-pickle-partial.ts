import { call, global, none } from "../pickle/assemble.ts";
import type { HostileCase } from "./hostile-case.ts";
import { openArchiveOf } from "./torch-file.ts";

const hostile: HostileCase = {
  attack: "builds a call (functools.partial)",
  refusal: "TENON_PICKLE_HOSTILE",
  run: () => openArchiveOf(call(global("functools", "partial"), none)),
};
export default hostile;
