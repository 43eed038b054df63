import { zip } from "../formats/torch/archive.ts";
import type { HostileCase } from "./hostile-case.ts";
import { openBytes, sound } from "./torch-file.ts";

const hostile: HostileCase = {
  attack: "says that it has four thousand billion members",
  refusal: "TENON_ZIP_DIRECTORY",
  run: () => openBytes(zip(sound, { entryCount: 2 ** 42 })),
};
export default hostile;
