import { zip } from "../formats/torch/archive.ts";
import type { HostileCase } from "./hostile-case.ts";
import { openBytes, sound } from "./torch-file.ts";

const hostile: HostileCase = {
  attack: "has two members of one name",
  refusal: "TENON_ZIP_MEMBER_NAME",
  run: () => openBytes(zip([...sound, ...sound.slice(0, 1)])),
};
export default hostile;
