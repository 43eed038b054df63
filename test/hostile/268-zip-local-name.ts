import { zip } from "../formats/torch/archive.ts";
import type { HostileCase } from "./hostile-case.ts";
import { changed, openBytes } from "./torch-file.ts";

const hostile: HostileCase = {
  attack: "gives a member another name in its local header",
  refusal: "TENON_ZIP_DIRECTORY",
  run: () => openBytes(zip(changed("model/data.pkl", { localName: "model/data.pk2" }))),
};
export default hostile;
