import { dict, none, record } from "../pickle/assemble.ts";
import type { HostileCase } from "./hostile-case.ts";
import { openArchiveOf } from "./torch-file.ts";

const hostile: HostileCase = {
  attack: "uses a dict as a key",
  refusal: "TENON_PICKLE_MALFORMED",
  run: () => openArchiveOf(dict([record({}), none])),
};
export default hostile;
