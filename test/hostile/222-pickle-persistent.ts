import { none, persistent, str, tuple } from "../pickle/assemble.ts";
import type { HostileCase } from "./hostile-case.ts";
import { openArchiveOf } from "./torch-file.ts";

const hostile: HostileCase = {
  attack: "refers outside with something that is no storage",
  refusal: "TENON_TORCH_PERSISTENT_ID",
  run: () => openArchiveOf(persistent(tuple(str("storage"), none))),
};
export default hostile;
