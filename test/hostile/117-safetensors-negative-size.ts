import type { HostileCase } from "./hostile-case.ts";
import { openFileOf } from "./safetensors-file.ts";

const hostile: HostileCase = {
  attack: "has a negative size",
  refusal: "TENON_SAFETENSORS_BAD_ENTRY",
  run: () => openFileOf('{"a":{"dtype":"U8","shape":[-1,-1],"data_offsets":[0,1]}}', 1),
};
export default hostile;
