import type { HostileCase } from "./hostile-case.ts";
import { entry, openFileOf } from "./safetensors-file.ts";

const hostile: HostileCase = {
  attack: "is a zip file too, appended after the last tensor",
  refusal: "TENON_SAFETENSORS_TRAILING_BYTES",
  run: () => openFileOf(`{${entry("a", "U8", [2], 0, 2)}}`, Buffer.from("aaPK\u0005\u0006")),
};
export default hostile;
