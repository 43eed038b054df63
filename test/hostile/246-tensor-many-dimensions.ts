import { storage, tensor } from "../formats/torch/archive.ts";
import { record } from "../pickle/assemble.ts";
import type { HostileCase } from "./hostile-case.ts";
import { openArchiveOf } from "./torch-file.ts";

const hostile: HostileCase = {
  attack: "has a thousand dimensions",
  refusal: "TENON_TORCH_TENSOR_DAMAGED",
  run: () =>
    openArchiveOf(
      record({
        w: tensor({
          storage: storage("FloatStorage", "0", 4),
          size: new Array<number>(1000).fill(1),
          stride: new Array<number>(1000).fill(1),
        }),
      }),
    ),
};
export default hostile;
