import { storage, tensor } from "../formats/torch/archive.ts";
import { record } from "../pickle/assemble.ts";
import type { HostileCase } from "./hostile-case.ts";
import { openArchiveOf } from "./torch-file.ts";

const hostile: HostileCase = {
  attack: "expands one element to four terabytes",
  refusal: "TENON_TORCH_TENSOR_DAMAGED",
  run: () =>
    openArchiveOf(
      record({ w: tensor({ storage: storage("FloatStorage", "0", 4), size: [2 ** 40], stride: [0] }) }),
    ),
};
export default hostile;
