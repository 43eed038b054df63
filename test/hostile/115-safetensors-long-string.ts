import type { HostileCase } from "./hostile-case.ts";
import { openFileOf } from "./safetensors-file.ts";

const hostile: HostileCase = {
  attack: "has a string of 5 MB of escapes without an end",
  refusal: "TENON_JSON_SYNTAX",
  run: () => openFileOf(`{"${"\\\\".repeat(5_000_000)}`),
};
export default hostile;
