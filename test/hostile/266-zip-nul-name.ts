import { zip } from "../formats/torch/archive.ts";
import type { HostileCase } from "./hostile-case.ts";
import { openBytes, sound, weightBytes } from "./torch-file.ts";

const hostile: HostileCase = {
  attack: "hides the end of a name behind NUL",
  refusal: "TENON_ZIP_MEMBER_NAME",
  run: () => openBytes(zip([...sound, { name: "model/data/1\0.txt", bytes: weightBytes }])),
};
export default hostile;
