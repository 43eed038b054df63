import type { DType, Step, TensorMeta } from "../core/index.ts";
import type { Kernel } from "../ops/index.ts";
import type { Io } from "./task.ts";

/** A run of elements of the tensor, in the work dtype, lying at `pointer`. */
export interface ElementTile {
  readonly pointer: number;
  /** Index of the first element within the tensor. */
  readonly first: number;
  readonly count: number;
}

/** What of the tensor a job will touch. */
export interface JobRange {
  readonly source: TensorMeta;
  readonly first: number;
  readonly count: number;
}

/** Applies one step of a recipe to tile after tile. */
export interface StepRunner {
  readonly step: Step;
  /** Whether `apply` returns the number of changed elements (else 0). */
  readonly countsChanges: boolean;
  prepare(range: JobRange): Generator<Io, void>;
  apply(tile: ElementTile): Generator<Io, number>;
}

/** Casts, or copies when the type is F32 already. */
export function toF32(kernel: Kernel, dtype: DType, from: number, to: number, count: number): void {
  if (dtype === "F32") kernel.bytes(to, count * 4).set(kernel.bytes(from, count * 4));
  else kernel.cast(dtype, from, "F32", to, count);
}

export function fromF32(kernel: Kernel, from: number, dtype: DType, to: number, count: number): void {
  if (dtype === "F32") kernel.bytes(to, count * 4).set(kernel.bytes(from, count * 4));
  else kernel.cast("F32", from, dtype, to, count);
}
