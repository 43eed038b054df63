import type { Tensor } from "../core/index.ts";

/**
 * A scalar of f32 that no file holds: an optimizer's step that was saved as a Python number. Read on the thread that
 * opened the checkpoint.
 */
export function scalarTensor(name: string, value: number, location = ""): Tensor {
  const bytes = new Uint8Array(Float32Array.of(value).buffer);
  return {
    id: `${location}#value ${name}`,
    name,
    dtype: "F32",
    shape: [],
    byteLength: 4,
    file: location,
    async read(byteOffset, into) {
      into.set(bytes.subarray(byteOffset, byteOffset + into.byteLength));
    },
  };
}
