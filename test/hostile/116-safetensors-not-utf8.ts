import type { HostileCase } from "./hostile-case.ts";
import { openFileOf } from "./safetensors-file.ts";

const hostile: HostileCase = {
  attack: "has a name that is not UTF-8, which two decoders read differently",
  refusal: "TENON_SAFETENSORS_BAD_HEADER",
  run: () => openFileOf(Uint8Array.of(0x7b, 0x22, 0xc0, 0xaf, 0x22, 0x3a, 0x7d)),
};
export default hostile;
