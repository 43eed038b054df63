import { zip } from "../formats/torch/archive.ts";
import type { HostileCase } from "./hostile-case.ts";
import { openBytes, sound } from "./torch-file.ts";

const hostile: HostileCase = {
  attack: "has its directory somewhere else",
  refusal: "TENON_ZIP_DIRECTORY",
  run: () => openBytes(zip(sound, { directoryOffset: 64 })),
};
export default hostile;
