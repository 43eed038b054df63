import { call, stackGlobal } from "../pickle/assemble.ts";
import type { HostileCase } from "./hostile-case.ts";
import { openArchiveOf } from "./torch-file.ts";

const hostile: HostileCase = {
  attack: "climbs to object by dunder attributes",
  refusal: "TENON_PICKLE_HOSTILE",
  run: () => openArchiveOf(call(stackGlobal("collections", "OrderedDict.__base__.__subclasses__"))),
};
export default hostile;
