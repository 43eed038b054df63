import { int, none, record } from "../pickle/assemble.ts";
import type { HostileCase } from "./hostile-case.ts";
import { openArchiveOf } from "./torch-file.ts";

const hostile: HostileCase = {
  attack: "sets the state of what has none",
  refusal: "TENON_PICKLE_MALFORMED",
  run: () => openArchiveOf([...int(1), ...record({ __class__: none }), 0x62]),
};
export default hostile;
