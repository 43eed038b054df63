import type { HostileCase } from "./hostile-case.ts";
import { entry, openFileOf } from "./safetensors-file.ts";

const hostile: HostileCase = {
  attack: "names a tensor twice, for two readers to disagree on",
  refusal: "TENON_JSON_DUPLICATE_KEY",
  run: () => openFileOf(`{${entry("a", "U8", [1], 0, 1)},${entry("a", "U8", [1], 1, 2)}}`, 2),
};
export default hostile;
