import type { HostileCase } from "./hostile-case.ts";
import { entry, openFileOf } from "./safetensors-file.ts";

const hostile: HostileCase = {
  attack: "points far outside itself",
  refusal: "TENON_SAFETENSORS_TRUNCATED",
  run: () => openFileOf(`{${entry("a", "U8", [2 ** 49], 0, 2 ** 49)}}`, 8),
};
export default hostile;
