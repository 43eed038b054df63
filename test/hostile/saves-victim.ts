// Saves of many workers, for the attacks on them.
import { archive, f32, storage, tensor } from "../formats/torch/archive.ts";
import { type MetadataParts, metadataOf } from "../layouts/dcp-metadata.ts";
import { parameter, type Toy, toySave } from "../layouts/zero/toy.ts";
import type { Files } from "./victim.ts";

/** A ZeRO save of two workers with `latest`, below `global_step7/`. */
export function zeroFiles(more: Partial<Toy> = {}): Files {
  const groups = [[parameter("lm_head.weight", [4, 2], 0), parameter("model.norm.weight", [2], 50)]];
  const files = toySave({ stage: 3, workers: 2, groups, ...more });
  return {
    latest: "global_step7",
    ...Object.fromEntries([...files].map(([name, bytes]) => [`global_step7/${name}`, bytes])),
  };
}

/** A DCP folder of one tensor of four elements, which lies in `__0_0.distcp`. */
export function dcpFiles(change: (parts: MetadataParts) => MetadataParts = (parts) => parts): Files {
  const data = storage("FloatStorage", "0", 4);
  const item = archive({
    object: tensor({ storage: data, size: [4], stride: [1] }),
    storages: { "0": f32(1, 2, 3, 4) },
  });
  const parts: MetadataParts = {
    tensors: { "model.norm.weight": { size: [4], chunks: [{ offsets: [0], sizes: [4] }] } },
    places: [{ name: "model.norm.weight", offset: [0], byteOffset: 0, byteLength: item.length }],
  };
  return { ".metadata": metadataOf(change(parts)), "__0_0.distcp": item };
}
