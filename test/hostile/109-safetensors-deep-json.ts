import type { HostileCase } from "./hostile-case.ts";
import { openFileOf } from "./safetensors-file.ts";

const hostile: HostileCase = {
  attack: "nests a million lists, to exhaust the stack",
  refusal: "TENON_JSON_TOO_DEEP",
  run: () => openFileOf(`{"a":${"[".repeat(1_000_000)}`),
};
export default hostile;
