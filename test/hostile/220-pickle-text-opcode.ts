import type { HostileCase } from "./hostile-case.ts";
import { openArchiveOf } from "./torch-file.ts";

const hostile: HostileCase = {
  attack: "hides an integer in a text opcode",
  refusal: "TENON_PICKLE_OPCODE",
  run: () => openArchiveOf([0x49, 0x31, 0x0a]),
};
export default hostile;
