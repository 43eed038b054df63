import type { HostileCase } from "./hostile-case.ts";
import { openFileOf } from "./safetensors-file.ts";

const hostile: HostileCase = {
  attack: "has an offset that a double rounds to another one",
  refusal: "TENON_SAFETENSORS_BAD_OFFSETS",
  run: () => openFileOf('{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,9007199254740993]}}', 1),
};
export default hostile;
