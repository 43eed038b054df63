import { none } from "../pickle/assemble.ts";
import type { HostileCase } from "./hostile-case.ts";
import { openArchiveOf } from "./torch-file.ts";

const hostile: HostileCase = {
  attack: "puts memo entry four billion",
  refusal: "TENON_PICKLE_MALFORMED",
  run: () => openArchiveOf([...none, 0x72, 0xff, 0xff, 0xff, 0xff]),
};
export default hostile;
