import { zip } from "../formats/torch/archive.ts";
import type { HostileCase } from "./hostile-case.ts";
import { changed, openBytes } from "./torch-file.ts";

const hostile: HostileCase = {
  attack: "lays one member over another",
  refusal: "TENON_ZIP_DIRECTORY",
  run: () => openBytes(zip(changed("model/data/0", { headerOffset: 0 }))),
};
export default hostile;
