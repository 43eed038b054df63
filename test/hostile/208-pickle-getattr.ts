import { call, global, str } from "../pickle/assemble.ts";
import type { HostileCase } from "./hostile-case.ts";
import { openArchiveOf } from "./torch-file.ts";

const hostile: HostileCase = {
  attack: "reaches attributes (builtins.getattr)",
  refusal: "TENON_PICKLE_HOSTILE",
  run: () => openArchiveOf(call(global("builtins", "getattr"), global("torch", "Tensor"), str("__class__"))),
};
export default hostile;
