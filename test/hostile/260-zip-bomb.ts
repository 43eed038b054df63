import { zip } from "../formats/torch/archive.ts";
import type { HostileCase } from "./hostile-case.ts";
import { changed, openBytes } from "./torch-file.ts";

const hostile: HostileCase = {
  attack: "compresses a member to almost nothing",
  refusal: "TENON_ZIP_COMPRESSED",
  run: () => openBytes(zip(changed("model/data/0", { method: 8 }))),
};
export default hostile;
