import { global, persistent, str, tuple } from "../pickle/assemble.ts";
import type { HostileCase } from "./hostile-case.ts";
import { openArchiveOf } from "./torch-file.ts";

const hostile: HostileCase = {
  attack: "carries the source code of a module",
  refusal: "TENON_TORCH_MODULE_SOURCE",
  run: () =>
    openArchiveOf(persistent(tuple(str("module"), global("my", "Net"), str("net.py"), str("import os")))),
};
export default hostile;
