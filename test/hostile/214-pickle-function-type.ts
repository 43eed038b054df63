import { call, global, none } from "../pickle/assemble.ts";
import type { HostileCase } from "./hostile-case.ts";
import { openArchiveOf } from "./torch-file.ts";

const hostile: HostileCase = {
  attack: "makes a function from code bytes (types.FunctionType)",
  refusal: "TENON_PICKLE_HOSTILE",
  run: () => openArchiveOf(call(global("types", "FunctionType"), none)),
};
export default hostile;
