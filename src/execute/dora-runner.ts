import { bytesPerElement, elementCount, type Step } from "../core/index.ts";
import type { FactorType, Kernel } from "../ops/index.ts";
import { floatDType } from "./factors.ts";
import { LowRankProduct } from "./low-rank.ts";
import { type Segment, segmentsOf } from "./low-rank-runner.ts";
import { type ElementTile, fromF32, type JobRange, type StepRunner, toF32 } from "./runner.ts";
import type { Io, JobOptions } from "./task.ts";

type DoraStep = Step & { kind: "dora" };

/**
 * m/‖W + D‖ ∘ (W + D) (DoRA): the sum in f32, norms as f64 sums of squares of the f32 values rounded once to f32, the
 * quotient in f32, one rounding to the dtype at the end. PEFT sums the squares in vectorised f32, so its norms differ
 * by up to 1e-7 relative (measured); after rounding to bf16 nearly all elements agree.
 *
 * Norms over rows are taken tile by tile. Norms over columns need the whole tensor first: `prepare` reads it once
 * more, and the schedule gives such a tensor to one job.
 */
export class DoraRunner implements StepRunner {
  readonly step: DoraStep;
  readonly countsChanges = false;
  readonly #kernel: Kernel;
  readonly #dtype: FactorType;
  readonly #accumulate: "muladd" | "fma";
  readonly #product: LowRankProduct;
  #magnitude: Float32Array = new Float32Array(0);
  #columnFactors: Float32Array | undefined;
  #end = 0;
  #scratch = 0;
  #scratchElements = 0;

  constructor(kernel: Kernel, step: DoraStep, dtype: FactorType, options: JobOptions) {
    this.#kernel = kernel;
    this.step = step;
    this.#dtype = dtype;
    this.#accumulate = options.accumulate;
    this.#product = new LowRankProduct(kernel, step, options.factorBytes);
  }

  *prepare(range: JobRange): Generator<Io, void> {
    this.#end = range.first + range.count;
    this.#magnitude = yield* this.#loadMagnitude();
    if (this.step.norm === "row") return;
    const { cols } = this.step;
    const width = bytesPerElement(range.source.dtype);
    const rowsAtOnce = Math.max(1, Math.floor(65_536 / cols));
    const sums = new Float64Array(cols);
    const raw = this.#kernel.alloc(rowsAtOnce * cols * width);
    for (let first = 0; first < range.count; first += rowsAtOnce * cols) {
      const count = Math.min(rowsAtOnce * cols, range.count - first);
      yield {
        kind: "read",
        id: range.source.id,
        byteOffset: first * width,
        pointer: raw,
        byteLength: count * width,
      };
      const sum = yield* this.#sumOf(
        { pointer: raw, first, count },
        floatDType(range.source.dtype, range.source.name),
      );
      this.#kernel.addColumnSumOfSquares(sum, count / cols, cols, sums);
    }
    this.#columnFactors = factorsFrom(this.#magnitude, sums, 0);
  }

  *apply(tile: ElementTile): Generator<Io, number> {
    const { cols } = this.step;
    const sum = yield* this.#sumOf(tile, this.#dtype);
    const rows = tile.count / cols;
    if (this.#columnFactors !== undefined) {
      this.#kernel.scaleColumns(sum, rows, cols, this.#columnFactors);
    } else {
      const sums = new Float64Array(rows);
      this.#kernel.rowSumOfSquares(sum, rows, cols, sums);
      this.#kernel.scaleRows(sum, rows, cols, factorsFrom(this.#magnitude, sums, tile.first / cols));
    }
    fromF32(this.#kernel, sum, this.#dtype, tile.pointer, tile.count);
    return 0;
  }

  /** W + D of a tile in f32, in a scratch of its own. */
  *#sumOf(tile: ElementTile, dtype: FactorType): Generator<Io, number> {
    const { rows, cols } = this.step;
    if (this.#scratchElements < tile.count) {
      this.#scratch = this.#kernel.alloc(tile.count * 4);
      this.#scratchElements = tile.count;
    }
    const sum = this.#scratch;
    toF32(this.#kernel, dtype, tile.pointer, sum, tile.count);
    for (const segment of segmentsOf(tile.first, tile.count, rows, cols)) {
      const rowsLeft = (this.#end - tile.first - segment.offset) / cols;
      const atMost = Math.min(rows - segment.firstRow, rowsLeft);
      yield* this.#product.load(segment.batch, segment.firstRow, atMost, segment.rows);
      yield* this.#add(sum, segment);
    }
    return sum;
  }

  *#add(sum: number, segment: Segment): Generator<Io, void> {
    const { batch, firstRow, rows, offset } = segment;
    const pointer = sum + offset * 4;
    const tile = { pointer, dtype: "F32", batch, firstRow, rows, rowBytes: this.step.cols * 4 } as const;
    yield* this.#product.apply(tile, { rounding: "once", accumulate: this.#accumulate });
  }

  *#loadMagnitude(): Generator<Io, Float32Array> {
    const { magnitude } = this.step;
    const dtype = floatDType(magnitude.dtype, magnitude.name);
    const count = elementCount(magnitude.shape);
    const raw = this.#kernel.alloc(magnitude.byteLength);
    const values = this.#kernel.alloc(count * 4);
    yield { kind: "read", id: magnitude.id, byteOffset: 0, pointer: raw, byteLength: magnitude.byteLength };
    toF32(this.#kernel, dtype, raw, values, count);
    return this.#kernel.f32(values, count).slice();
  }
}

function factorsFrom(magnitude: Float32Array, sums: Float64Array, first: number): Float32Array {
  return Float32Array.from(sums, (sum, i) => (magnitude[first + i] as number) / Math.fround(Math.sqrt(sum)));
}
