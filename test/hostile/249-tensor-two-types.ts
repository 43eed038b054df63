import { storage, tensor } from "../formats/torch/archive.ts";
import { record } from "../pickle/assemble.ts";
import type { HostileCase } from "./hostile-case.ts";
import { openArchiveOf, weight } from "./torch-file.ts";

const hostile: HostileCase = {
  attack: "reads one storage as two types",
  refusal: "TENON_TORCH_PERSISTENT_ID",
  run: () =>
    openArchiveOf(
      record({ a: weight, b: tensor({ storage: storage("IntStorage", "0", 4), size: [4], stride: [1] }) }),
    ),
};
export default hostile;
