import { str } from "../pickle/assemble.ts";
import type { HostileCase } from "./hostile-case.ts";
import { openArchiveOf } from "./torch-file.ts";

const hostile: HostileCase = {
  attack: "runs a command by the INST opcode",
  refusal: "TENON_PICKLE_OPCODE",
  run: () => openArchiveOf([0x28, ...str("id"), 0x69, ...new TextEncoder().encode("os\nsystem\n")]),
};
export default hostile;
