import type { HostileCase } from "./hostile-case.ts";
import { openBytes } from "./torch-file.ts";

const file = new Uint8Array(1024);
file.set(new TextEncoder().encode("ustar"), 257);

const hostile: HostileCase = {
  attack: "is a tar archive of the first torch",
  refusal: "TENON_TORCH_TAR",
  run: () => openBytes(file),
};
export default hostile;
