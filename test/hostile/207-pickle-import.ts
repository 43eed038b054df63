import { call, global, str } from "../pickle/assemble.ts";
import type { HostileCase } from "./hostile-case.ts";
import { openArchiveOf } from "./torch-file.ts";

const hostile: HostileCase = {
  attack: "imports a module (importlib.import_module)",
  refusal: "TENON_PICKLE_HOSTILE",
  run: () => openArchiveOf(call(global("importlib", "import_module"), str("evil"))),
};
export default hostile;
