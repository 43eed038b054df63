import { zip } from "../formats/torch/archive.ts";
import type { HostileCase } from "./hostile-case.ts";
import { changed, openBytes } from "./torch-file.ts";

const hostile: HostileCase = {
  attack: "says two sizes for a stored member",
  refusal: "TENON_ZIP_DIRECTORY",
  run: () => openBytes(zip(changed("model/data/0", { storedLength: 1 }))),
};
export default hostile;
