import { zip } from "../formats/torch/archive.ts";
import type { HostileCase } from "./hostile-case.ts";
import { changed, openBytes } from "./torch-file.ts";

const hostile: HostileCase = {
  attack: "says that a member is larger than the file",
  refusal: "TENON_ZIP_DIRECTORY",
  run: () => openBytes(zip(changed("model/data/0", { byteLength: 2 ** 31 }))),
};
export default hostile;
