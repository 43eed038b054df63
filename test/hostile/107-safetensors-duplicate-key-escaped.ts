import type { HostileCase } from "./hostile-case.ts";
import { entry, openFileOf } from "./safetensors-file.ts";

const hostile: HostileCase = {
  attack: "names a tensor twice, once by an escape",
  refusal: "TENON_JSON_DUPLICATE_KEY",
  run: () =>
    openFileOf(`{${entry("a", "U8", [1], 0, 1)},${entry("a", "U8", [1], 1, 2).replace("a", "\\u0061")}}`, 2),
};
export default hostile;
