import { global, str } from "../pickle/assemble.ts";
import type { HostileCase } from "./hostile-case.ts";
import { openArchiveOf } from "./torch-file.ts";

const hostile: HostileCase = {
  attack: "runs a command by the OBJ opcode",
  refusal: "TENON_PICKLE_OPCODE",
  run: () => openArchiveOf([0x28, ...global("my", "thing"), ...str("id"), 0x6f]),
};
export default hostile;
