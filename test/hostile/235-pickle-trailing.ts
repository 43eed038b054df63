import { global, none } from "../pickle/assemble.ts";
import type { HostileCase } from "./hostile-case.ts";
import { openArchiveOf } from "./torch-file.ts";

const hostile: HostileCase = {
  attack: "hides data after the end of data.pkl",
  refusal: "TENON_PICKLE_TRAILING",
  run: () => openArchiveOf([...none, 0x2e, ...global("os", "system")]),
};
export default hostile;
