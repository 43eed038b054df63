import type { HostileCase } from "./hostile-case.ts";
import { entry, openFileOf } from "./safetensors-file.ts";

const hostile: HostileCase = {
  attack: "hides a payload between two tensors",
  refusal: "TENON_SAFETENSORS_OFFSETS_GAP",
  run: () => openFileOf(`{${entry("a", "U8", [2], 0, 2)},${entry("b", "U8", [2], 1000, 1002)}}`, 1002),
};
export default hostile;
