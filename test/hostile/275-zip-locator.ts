import { zip } from "../formats/torch/archive.ts";
import type { HostileCase } from "./hostile-case.ts";
import { openBytes, sound } from "./torch-file.ts";

const hostile: HostileCase = {
  attack: "has its 64-bit end record past the end",
  refusal: "TENON_ZIP_DIRECTORY",
  run: () => openBytes(zip(sound, { end64Offset: 2 ** 52 })),
};
export default hostile;
