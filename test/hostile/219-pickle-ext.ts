import type { HostileCase } from "./hostile-case.ts";
import { openArchiveOf } from "./torch-file.ts";

const hostile: HostileCase = {
  attack: "names a class by an extension code",
  refusal: "TENON_PICKLE_OPCODE",
  run: () => openArchiveOf([0x82, 1]),
};
export default hostile;
