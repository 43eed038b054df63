import type { HostileCase } from "./hostile-case.ts";
import { openArchiveOf } from "./torch-file.ts";

const hostile: HostileCase = {
  attack: "opens 100 000 marks",
  refusal: "TENON_PICKLE_LIMIT",
  run: () =>
    openArchiveOf([...new Array<number>(100_000).fill(0x28), ...new Array<number>(100_000).fill(0x74)]),
};
export default hostile;
