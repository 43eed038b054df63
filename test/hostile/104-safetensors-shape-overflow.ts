import type { HostileCase } from "./hostile-case.ts";
import { entry, openFileOf } from "./safetensors-file.ts";

const hostile: HostileCase = {
  attack: "has a shape whose product is 0 modulo 2^64",
  refusal: "TENON_TENSOR_TOO_LARGE",
  run: () => openFileOf(`{${entry("a", "U8", [2 ** 32, 2 ** 32], 0, 0)}}`),
};
export default hostile;
