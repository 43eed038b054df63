import type { HostileCase } from "./hostile-case.ts";
import { openFileOf } from "./safetensors-file.ts";

const hostile: HostileCase = {
  attack: "has half a character in a name, which two encoders write differently",
  refusal: "TENON_SAFETENSORS_BAD_NAME",
  run: () => openFileOf('{"\\udc00":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}}'),
};
export default hostile;
