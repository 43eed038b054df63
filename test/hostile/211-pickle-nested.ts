import { bytes, call, global } from "../pickle/assemble.ts";
import type { HostileCase } from "./hostile-case.ts";
import { openArchiveOf } from "./torch-file.ts";

const hostile: HostileCase = {
  attack: "unpickles bytes inside (pickle.loads)",
  refusal: "TENON_PICKLE_HOSTILE",
  run: () => openArchiveOf(call(global("_pickle", "loads"), bytes([0x80, 2, 0x4e, 0x2e]))),
};
export default hostile;
