import type { HostileCase } from "./hostile-case.ts";
import { openFileOf } from "./safetensors-file.ts";

const hostile: HostileCase = {
  attack: "announces a header of 2^64 - 1 bytes",
  refusal: "TENON_SAFETENSORS_HEADER_TOO_LARGE",
  run: () => openFileOf("{}", 0, 2n ** 64n - 1n),
};
export default hostile;
