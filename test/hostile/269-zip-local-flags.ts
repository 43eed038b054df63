import { zip } from "../formats/torch/archive.ts";
import type { HostileCase } from "./hostile-case.ts";
import { changed, openBytes } from "./torch-file.ts";

const hostile: HostileCase = {
  attack: "gives a member other flags in its local header",
  refusal: "TENON_ZIP_DIRECTORY",
  run: () => openBytes(zip(changed("model/data.pkl", { localFlags: 0x0801 }))),
};
export default hostile;
