import { zip } from "../formats/torch/archive.ts";
import type { HostileCase } from "./hostile-case.ts";
import { changed, openBytes } from "./torch-file.ts";

const hostile: HostileCase = {
  attack: "has a data.pkl that was changed afterwards",
  refusal: "TENON_ZIP_CHECKSUM",
  run: () => openBytes(zip(changed("model/data.pkl", { crc: 0x12345678 }))),
};
export default hostile;
