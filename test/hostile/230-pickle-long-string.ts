import type { HostileCase } from "./hostile-case.ts";
import { openArchiveOf } from "./torch-file.ts";

const hostile: HostileCase = {
  attack: "has a string of 2^62 bytes",
  refusal: "TENON_PICKLE_TRUNCATED",
  run: () => openArchiveOf([0x8d, 0, 0, 0, 0, 0, 0, 0, 0x40]),
};
export default hostile;
