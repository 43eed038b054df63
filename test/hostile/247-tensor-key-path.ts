import { storage, tensor } from "../formats/torch/archive.ts";
import { record } from "../pickle/assemble.ts";
import type { HostileCase } from "./hostile-case.ts";
import { openArchiveOf } from "./torch-file.ts";

const hostile: HostileCase = {
  attack: "names a storage by a path out of the archive",
  refusal: "TENON_TORCH_TENSOR_DAMAGED",
  run: () =>
    openArchiveOf(
      record({
        w: tensor({ storage: storage("FloatStorage", "../../../../etc/passwd", 1), size: [1], stride: [1] }),
      }),
    ),
};
export default hostile;
