import { call, global, str } from "../pickle/assemble.ts";
import type { HostileCase } from "./hostile-case.ts";
import { openArchiveOf } from "./torch-file.ts";

const hostile: HostileCase = {
  attack: "calls what a call returned",
  refusal: "TENON_PICKLE_MALFORMED",
  run: () => openArchiveOf(call(call(global("my", "factory")), str("id"))),
};
export default hostile;
