import type { HostileCase } from "./hostile-case.ts";
import { openFileOf } from "./safetensors-file.ts";

const hostile: HostileCase = {
  attack: "has a type that nobody knows, to be read as some other",
  refusal: "TENON_SAFETENSORS_UNKNOWN_DTYPE",
  run: () => openFileOf('{"a":{"dtype":"hasOwnProperty","shape":[1],"data_offsets":[0,1]}}', 1),
};
export default hostile;
