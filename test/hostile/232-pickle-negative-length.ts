import type { HostileCase } from "./hostile-case.ts";
import { openArchiveOf } from "./torch-file.ts";

const hostile: HostileCase = {
  attack: "has an integer of a negative number of bytes",
  refusal: "TENON_PICKLE_LIMIT",
  run: () => openArchiveOf([0x8b, 0xff, 0xff, 0xff, 0xff]),
};
export default hostile;
