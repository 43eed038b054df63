import { f32, legacy, legacyStorage, tensor } from "../formats/torch/archive.ts";
import { int, record, str, tuple } from "../pickle/assemble.ts";
import type { HostileCase } from "./hostile-case.ts";
import { openBytes } from "./torch-file.ts";

const outside = legacyStorage("FloatStorage", "1", 2, tuple(str("v"), int(1), int(2)));
const object = record({ w: tensor({ storage: outside, size: [2], stride: [1] }) });

const hostile: HostileCase = {
  attack: "views bytes of another storage",
  refusal: "TENON_TORCH_PERSISTENT_ID",
  run: () => openBytes(legacy({ object, storages: [{ key: "1", bytes: f32(1, 2), elementBytes: 4 }] })),
};
export default hostile;
