import { dict, record, str } from "../pickle/assemble.ts";
import type { HostileCase } from "./hostile-case.ts";
import { openArchiveOf, weight } from "./torch-file.ts";

const hostile: HostileCase = {
  attack: "pollutes prototypes by the key __proto__",
  refusal: undefined,
  run: () => openArchiveOf(dict([str("__proto__"), record({ polluted: weight })], [str("w"), weight])),
};
export default hostile;
