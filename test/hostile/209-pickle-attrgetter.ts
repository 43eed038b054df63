import { call, global, none, str } from "../pickle/assemble.ts";
import type { HostileCase } from "./hostile-case.ts";
import { openArchiveOf } from "./torch-file.ts";

const hostile: HostileCase = {
  attack: "reaches attributes (operator.attrgetter)",
  refusal: "TENON_PICKLE_HOSTILE",
  run: () => openArchiveOf(call(call(global("operator", "attrgetter"), str("system")), none)),
};
export default hostile;
