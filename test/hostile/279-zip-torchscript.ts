import { zip } from "../formats/torch/archive.ts";
import { none, pickle } from "../pickle/assemble.ts";
import type { HostileCase } from "./hostile-case.ts";
import { openBytes, sound } from "./torch-file.ts";

const hostile: HostileCase = {
  attack: "brings compiled code along",
  refusal: "TENON_TORCH_SCRIPT",
  run: () => openBytes(zip([...sound, { name: "model/constants.pkl", bytes: pickle(none) }])),
};
export default hostile;
