import { call, stackGlobal, str } from "../pickle/assemble.ts";
import type { HostileCase } from "./hostile-case.ts";
import { openArchiveOf } from "./torch-file.ts";

const hostile: HostileCase = {
  attack: "walks from an innocent module to os by a dotted name",
  refusal: "TENON_PICKLE_HOSTILE",
  run: () => openArchiveOf(call(stackGlobal("torch", "serialization.os.system"), str("id"))),
};
export default hostile;
