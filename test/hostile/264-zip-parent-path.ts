import { zip } from "../formats/torch/archive.ts";
import type { HostileCase } from "./hostile-case.ts";
import { openBytes, sound, weightBytes } from "./torch-file.ts";

const hostile: HostileCase = {
  attack: "has a member outside of the archive",
  refusal: "TENON_ZIP_MEMBER_NAME",
  run: () => openBytes(zip([...sound, { name: "model/../../evil", bytes: weightBytes }])),
};
export default hostile;
