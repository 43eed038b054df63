import { none } from "../pickle/assemble.ts";
import type { HostileCase } from "./hostile-case.ts";
import { openArchiveOf } from "./torch-file.ts";

const hostile: HostileCase = {
  attack: "has a frame that reaches past the end",
  refusal: "TENON_PICKLE_TRUNCATED",
  run: () => openArchiveOf([0x95, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f, ...none]),
};
export default hostile;
