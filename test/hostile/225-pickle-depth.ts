import { none } from "../pickle/assemble.ts";
import type { HostileCase } from "./hostile-case.ts";
import { openArchiveOf } from "./torch-file.ts";

const hostile: HostileCase = {
  attack: "nests 100 000 tuples to overflow the stack",
  refusal: "TENON_PICKLE_LIMIT",
  run: () => openArchiveOf([...none, ...new Array<number>(100_000).fill(0x85)]),
};
export default hostile;
