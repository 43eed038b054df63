import { bytesPerElement, type DType, type Step } from "../core/index.ts";
import type { Kernel } from "../ops/index.ts";
import { DoraRunner } from "./dora-runner.ts";
import { floatDType } from "./factors.ts";
import { LowRankRunner } from "./low-rank-runner.ts";
import { type ElementTile, fromF32, type StepRunner, toF32 } from "./runner.ts";
import type { Io, JobOptions } from "./task.ts";

export function stepRunner(kernel: Kernel, step: Step, dtype: DType, options: JobOptions): StepRunner {
  switch (step.kind) {
    case "addLowRank":
      return new LowRankRunner(kernel, step, dtype, options);
    case "dora":
      return new DoraRunner(kernel, step, floatDType(dtype, step.module), options);
    case "addVector":
      return new VectorRunner(kernel, step, dtype);
    case "replaceRows":
      return new RowsRunner(kernel, step, dtype);
    default:
      return step satisfies never;
  }
}

/** w + scaling·v, computed in f32 (v·scaling rounded to f32 first, as torch multiplies), rounded once to the dtype. */
class VectorRunner implements StepRunner {
  readonly step: Step & { kind: "addVector" };
  readonly countsChanges = false;
  readonly #kernel: Kernel;
  readonly #dtype: DType;

  constructor(kernel: Kernel, step: Step & { kind: "addVector" }, dtype: DType) {
    this.#kernel = kernel;
    this.step = step;
    this.#dtype = floatDType(dtype, step.tensor.name);
  }

  *prepare(): Generator<Io, void> {}

  *apply(tile: ElementTile): Generator<Io, number> {
    const kernel = this.#kernel;
    const { tensor, scaling } = this.step;
    const mark = kernel.mark();
    const width = bytesPerElement(tensor.dtype);
    const raw = kernel.alloc(tile.count * width);
    const vector = kernel.alloc(tile.count * 4);
    const sum = kernel.alloc(tile.count * 4);
    yield {
      kind: "read",
      id: tensor.id,
      byteOffset: tile.first * width,
      pointer: raw,
      byteLength: tile.count * width,
    };
    toF32(kernel, tensor.dtype, raw, vector, tile.count);
    toF32(kernel, this.#dtype, tile.pointer, sum, tile.count);
    const values = kernel.f32(sum, tile.count);
    const added = kernel.f32(vector, tile.count);
    const factor = Math.fround(scaling);
    for (let i = 0; i < tile.count; i++)
      values[i] = (values[i] as number) + Math.fround((added[i] as number) * factor);
    fromF32(kernel, sum, this.#dtype, tile.pointer, tile.count);
    kernel.release(mark);
    return 0;
  }
}

/** Rows of an embedding replaced by trained ones, cast to the dtype of the embedding. */
class RowsRunner implements StepRunner {
  readonly step: Step & { kind: "replaceRows" };
  readonly countsChanges = false;
  readonly #kernel: Kernel;
  readonly #dtype: DType;
  readonly #rowOf: ReadonlyMap<number, number>;

  constructor(kernel: Kernel, step: Step & { kind: "replaceRows" }, dtype: DType) {
    this.#kernel = kernel;
    this.step = step;
    this.#dtype = dtype;
    this.#rowOf = new Map(step.indices.map((index, row) => [index, row]));
  }

  *prepare(): Generator<Io, void> {}

  *apply(tile: ElementTile): Generator<Io, number> {
    const { tensor } = this.step;
    const cols = tensor.shape[1] as number;
    const width = bytesPerElement(tensor.dtype);
    const outWidth = bytesPerElement(this.#dtype);
    const firstRow = tile.first / cols;
    for (let row = 0; row < tile.count / cols; row++) {
      const from = this.#rowOf.get(firstRow + row);
      if (from === undefined) continue;
      const pointer = tile.pointer + row * cols * outWidth;
      const read = {
        kind: "read",
        id: tensor.id,
        byteOffset: from * cols * width,
        byteLength: cols * width,
      } as const;
      if (tensor.dtype === this.#dtype) {
        yield { ...read, pointer };
        continue;
      }
      const mark = this.#kernel.mark();
      const raw = this.#kernel.alloc(cols * width);
      const values = this.#kernel.alloc(cols * 4);
      yield { ...read, pointer: raw };
      toF32(this.#kernel, tensor.dtype, raw, values, cols);
      fromF32(this.#kernel, values, this.#dtype, pointer, cols);
      this.#kernel.release(mark);
    }
    return 0;
  }
}
