import { f32, legacy, legacyStorage, tensor } from "../formats/torch/archive.ts";
import { record } from "../pickle/assemble.ts";
import type { HostileCase } from "./hostile-case.ts";
import { openBytes } from "./torch-file.ts";

const object = record({
  w: tensor({ storage: legacyStorage("FloatStorage", "1", 2), size: [2], stride: [1] }),
});
const file = legacy({ object, storages: [{ key: "1", bytes: f32(1, 2), elementBytes: 4 }] });
new DataView(file.buffer).setBigInt64(file.length - 16, 2n ** 62n, true);

const hostile: HostileCase = {
  attack: "gives a storage 2^62 elements",
  refusal: "TENON_TORCH_LEGACY",
  run: () => openBytes(file),
};
export default hostile;
