import { zip } from "../formats/torch/archive.ts";
import { none, pickle } from "../pickle/assemble.ts";
import type { HostileCase } from "./hostile-case.ts";
import { openBytes, sound } from "./torch-file.ts";

const hostile: HostileCase = {
  attack: "has two data.pkl",
  refusal: "TENON_TORCH_NOT_AN_ARCHIVE",
  run: () => openBytes(zip([...sound, { name: "other/data.pkl", bytes: pickle(none) }])),
};
export default hostile;
