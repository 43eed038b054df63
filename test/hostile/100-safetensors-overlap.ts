import type { HostileCase } from "./hostile-case.ts";
import { entry, openFileOf } from "./safetensors-file.ts";

const hostile: HostileCase = {
  attack: "lets two tensors share bytes, so that writing one changes the other",
  refusal: "TENON_SAFETENSORS_OFFSETS_OVERLAP",
  run: () => openFileOf(`{${entry("a", "U8", [4], 0, 4)},${entry("b", "U8", [4], 2, 6)}}`, 6),
};
export default hostile;
