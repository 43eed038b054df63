import { dict, str } from "../pickle/assemble.ts";
import type { HostileCase } from "./hostile-case.ts";
import { openArchiveOf, weight } from "./torch-file.ts";

const hostile: HostileCase = {
  attack: "gives one name two tensors",
  refusal: "TENON_PICKLE_MALFORMED",
  run: () => openArchiveOf(dict([str("w"), weight], [str("w"), weight])),
};
export default hostile;
