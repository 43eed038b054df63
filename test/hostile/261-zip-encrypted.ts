import { zip } from "../formats/torch/archive.ts";
import type { HostileCase } from "./hostile-case.ts";
import { changed, openBytes } from "./torch-file.ts";

const hostile: HostileCase = {
  attack: "encrypts a member",
  refusal: "TENON_ZIP_COMPRESSED",
  run: () => openBytes(zip(changed("model/data/0", { flags: 0x0809 }))),
};
export default hostile;
