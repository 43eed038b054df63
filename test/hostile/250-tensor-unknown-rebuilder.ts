import { storage } from "../formats/torch/archive.ts";
import { call, global, record } from "../pickle/assemble.ts";
import type { HostileCase } from "./hostile-case.ts";
import { openArchiveOf, weight } from "./torch-file.ts";

const hostile: HostileCase = {
  attack: "makes tensors by an unknown function",
  refusal: "TENON_TORCH_OPAQUE_TENSOR",
  run: () =>
    openArchiveOf(record({ a: weight, b: call(global("evil", "rebuild"), storage("FloatStorage", "0", 4)) })),
};
export default hostile;
