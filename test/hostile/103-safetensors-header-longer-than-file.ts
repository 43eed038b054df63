import type { HostileCase } from "./hostile-case.ts";
import { openFileOf } from "./safetensors-file.ts";

const hostile: HostileCase = {
  attack: "announces a header of 100 MB and has 2 bytes",
  refusal: "TENON_SAFETENSORS_HEADER_TRUNCATED",
  run: () => openFileOf("{}", 0, 100_000_000n),
};
export default hostile;
