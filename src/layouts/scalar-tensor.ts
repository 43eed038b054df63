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

/**
 * A Python number among an optimizer's states that is to be one again where Python objects are written: HF's Adafactor computes
 * in f64 with it, and in f32 with a tensor. Undefined for a number that f32 does not hold exactly.
 */
export function pythonNumber(name: string, value: number, location = ""): Tensor | undefined {
  if (!Object.is(Math.fround(value), value)) return undefined;
  return { ...scalarTensor(name, value, location), pythonNumber: value };
}
