import { bytesPerElement, type Factor } from "../core/index.ts";
import type { Kernel } from "../ops/index.ts";
import { floatDType } from "./factors.ts";
import { toF32 } from "./runner.ts";
import type { Io } from "./task.ts";

/** A run of rows (of the left factor) or columns (of the right one), for one batch. */
export interface FactorRun {
  readonly batch: number;
  readonly first: number;
  readonly count: number;
  readonly loraRank: number;
}

/** Element (k, n) of a run is `values[k * kStride + n * nStride]`. */
export interface FactorValues {
  readonly values: Float32Array;
  readonly kStride: number;
  readonly nStride: number;
}

/**
 * Reads a run of a factor as plain f32, for proofs: by the addresses of the plan alone, sharing nothing with the packing
 * that merges use. The values live in the kernel's arena until it is released or grows.
 */
export function* readFactorValues(
  kernel: Kernel,
  { tensor, offset, batch, outer, inner }: Factor,
  run: FactorRun,
): Generator<Io, FactorValues> {
  const dtype = floatDType(tensor.dtype, tensor.name);
  const width = bytesPerElement(dtype);
  const start = offset + run.batch * batch + run.first * outer;
  // The slower axis is stepped over; each read is a run along the faster one.
  const isRankSlow = inner > outer;
  const steps = isRankSlow ? run.loraRank : run.count;
  const stride = isRankSlow ? inner : outer;
  const length = isRankSlow ? (run.count - 1) * outer + 1 : (run.loraRank - 1) * inner + 1;
  const isDense = length === stride;
  const raw = kernel.alloc(steps * length * width);
  const values = dtype === "F32" ? raw : kernel.alloc(steps * length * 4);
  for (let step = 0; step < (isDense ? 1 : steps); step++) {
    yield {
      kind: "read",
      id: tensor.id,
      byteOffset: (start + step * stride) * width,
      pointer: raw + step * length * width,
      byteLength: (isDense ? steps : 1) * length * width,
    };
  }
  if (values !== raw) toF32(kernel, dtype, raw, values, steps * length);
  const [kStride, nStride] = isRankSlow ? [length, outer] : [inner, length];
  return { values: kernel.f32(values, steps * length), kStride, nStride };
}
