import { storage, tensor } from "../formats/torch/archive.ts";
import { record } from "../pickle/assemble.ts";
import type { HostileCase } from "./hostile-case.ts";
import { openArchiveOf } from "./torch-file.ts";

const hostile: HostileCase = {
  attack: "views bytes before its storage",
  refusal: "TENON_TORCH_TENSOR_DAMAGED",
  run: () =>
    openArchiveOf(
      record({ w: tensor({ storage: storage("FloatStorage", "0", 4), offset: -4, size: [4], stride: [1] }) }),
    ),
};
export default hostile;
