import { call, global, int } from "../pickle/assemble.ts";
import type { HostileCase } from "./hostile-case.ts";
import { openArchiveOf } from "./torch-file.ts";

const hostile: HostileCase = {
  attack: "asks for a bytearray of a petabyte",
  refusal: "TENON_PICKLE_CONSTRUCTOR",
  run: () => openArchiveOf(call(global("builtins", "bytearray"), int(2 ** 50))),
};
export default hostile;
