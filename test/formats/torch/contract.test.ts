import { torch } from "../../../src/formats/index.ts";
import { formatContract } from "../../contract/format.contract.ts";
import { record } from "../../pickle/assemble.ts";
import { archive, f32, legacy, legacyStorage, storage, tensor } from "./archive.ts";

const view = { size: [2, 3], stride: [1, 2] };
const object = record({
  plain: tensor({ storage: storage("FloatStorage", "0", 6), size: [6], stride: [1] }),
  view: tensor({ storage: storage("FloatStorage", "0", 6), ...view }),
});

formatContract({
  format: torch,
  extension: ".pt",
  dtypes: [
    "F64",
    "F32",
    "F16",
    "BF16",
    "I64",
    "I32",
    "I16",
    "I8",
    "U8",
    "BOOL",
    "U16",
    "U32",
    "U64",
    "C64",
    "F8_E4M3",
  ],
  isBare: true,
  samples: [
    { name: "zip", bytes: archive({ object, storages: { "0": f32(1, 2, 3, 4, 5, 6) } }) },
    {
      name: "big-endian",
      bytes: archive({ object, storages: { "0": f32(1, 2, 3, 4, 5, 6) }, byteOrder: "big" }),
    },
    {
      name: "legacy",
      bytes: legacy({
        object: record({ view: tensor({ storage: legacyStorage("FloatStorage", "7", 6), ...view }) }),
        storages: [{ key: "7", bytes: f32(1, 2, 3, 4, 5, 6), elementBytes: 4 }],
      }),
    },
  ],
});
