import { zip } from "../formats/torch/archive.ts";
import type { HostileCase } from "./hostile-case.ts";
import { openBytes, sound } from "./torch-file.ts";

const hostile: HostileCase = {
  attack: "has a directory of four gigabytes",
  refusal: "TENON_ZIP_DIRECTORY",
  run: () => openBytes(zip(sound, { directoryBytes: 2 ** 32 - 2 })),
};
export default hostile;
