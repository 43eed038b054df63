import { call, global, record, str } from "../pickle/assemble.ts";
import type { HostileCase } from "./hostile-case.ts";
import { openArchiveOf, weight } from "./torch-file.ts";

const hostile: HostileCase = {
  attack: "runs a command by the module under os (posix.system)",
  refusal: "TENON_PICKLE_HOSTILE",
  run: () => openArchiveOf(record({ w: weight, x: call(global("posix", "system"), str("id")) })),
};
export default hostile;
