import { get, global, put, str, tuple } from "../pickle/assemble.ts";
import type { HostileCase } from "./hostile-case.ts";
import { openArchiveOf } from "./torch-file.ts";

const long = [...str("x".repeat(500_000)), ...put(0)];
const encode = [...global("_codecs", "encode"), ...put(1)];
const args = [...tuple(get(0), str("latin1")), ...put(2)];

const hostile: HostileCase = {
  attack: "encodes one long string again and again",
  refusal: "TENON_PICKLE_LIMIT",
  run: () =>
    openArchiveOf([
      0x28,
      ...long,
      ...encode,
      ...args,
      ...new Array<number[]>(200).fill([...get(1), ...get(2), 0x52]).flat(),
      0x74,
    ]),
};
export default hostile;
