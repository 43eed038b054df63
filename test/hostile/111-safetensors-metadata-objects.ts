import type { HostileCase } from "./hostile-case.ts";
import { openFileOf } from "./safetensors-file.ts";

const hostile: HostileCase = {
  attack: "has objects in its metadata, where programs expect strings",
  refusal: "TENON_SAFETENSORS_BAD_METADATA",
  run: () => openFileOf('{"__metadata__":{"format":{"toString":"pt"}}}'),
};
export default hostile;
