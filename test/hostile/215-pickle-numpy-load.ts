import { call, global, str } from "../pickle/assemble.ts";
import type { HostileCase } from "./hostile-case.ts";
import { openArchiveOf } from "./torch-file.ts";

const hostile: HostileCase = {
  attack: "opens a file by numpy (numpy.load)",
  refusal: "TENON_PICKLE_HOSTILE",
  run: () => openArchiveOf(call(global("numpy", "load"), str("/etc/passwd"))),
};
export default hostile;
