import { get, put } from "../pickle/assemble.ts";
import type { HostileCase } from "./hostile-case.ts";
import { openArchiveOf } from "./torch-file.ts";

const hostile: HostileCase = {
  attack: "holds a list that contains itself",
  refusal: "TENON_PICKLE_CYCLE",
  run: () => openArchiveOf([0x5d, ...put(0), ...get(0), 0x61]),
};
export default hostile;
