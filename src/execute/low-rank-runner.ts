import { bytesPerElement, type DType, type Step } from "../core/index.ts";
import type { FactorType, Kernel } from "../ops/index.ts";
import { LowRankProduct } from "./low-rank.ts";
import type { ElementTile, JobRange, StepRunner } from "./runner.ts";
import type { Io, JobOptions } from "./task.ts";

/** A run of whole rows of one batch within a tile. */
export interface Segment {
  readonly batch: number;
  readonly firstRow: number;
  readonly rows: number;
  /** Elements from the start of the tile. */
  readonly offset: number;
}

/** Cuts a run of elements where a new batch begins; tiles hold whole rows. */
export function segmentsOf(first: number, count: number, rows: number, cols: number): Segment[] {
  if (first % cols !== 0 || count % cols !== 0) throw new Error("internal: a tile cuts through a row");
  const segments: Segment[] = [];
  for (let row = first / cols, left = count / cols, offset = 0; left > 0; ) {
    const firstRow = row % rows;
    const taken = Math.min(left, rows - firstRow);
    segments.push({ batch: Math.floor(row / rows), firstRow, rows: taken, offset });
    row += taken;
    left -= taken;
    offset += taken * cols;
  }
  return segments;
}

/** W + scaling·L·R, for BF16, F16 and F32 in place by the kernel; for F64 the product is f32 and the sum f64. */
export class LowRankRunner implements StepRunner {
  readonly step: Step & { kind: "addLowRank" };
  readonly countsChanges: boolean;
  readonly #product: LowRankProduct;
  readonly #kernel: Kernel;
  readonly #dtype: DType;
  readonly #accumulate: "muladd" | "fma";
  #end = 0;

  constructor(kernel: Kernel, step: Step & { kind: "addLowRank" }, dtype: DType, options: JobOptions) {
    this.#kernel = kernel;
    this.step = step;
    this.#dtype = dtype;
    this.#accumulate = options.accumulate;
    this.countsChanges = dtype !== "F64";
    this.#product = new LowRankProduct(kernel, step, options.factorBytes);
  }

  // biome-ignore lint/correctness/useYield: factors are loaded with the first tile that needs them
  *prepare(range: JobRange): Generator<Io, void> {
    this.#end = range.first + range.count;
  }

  *apply(tile: ElementTile): Generator<Io, number> {
    const { rows, cols } = this.step;
    let changed = 0;
    for (const segment of segmentsOf(tile.first, tile.count, rows, cols)) {
      const rowsLeft = (this.#end - tile.first - segment.offset) / cols;
      yield* this.#product.load(
        segment.batch,
        segment.firstRow,
        Math.min(rows - segment.firstRow, rowsLeft),
        segment.rows,
      );
      const width = bytesPerElement(this.#dtype);
      const pointer = tile.pointer + segment.offset * width;
      if (this.#dtype === "F64") yield* this.#addToF64(pointer, segment);
      else changed += yield* this.#addTo(pointer, this.#dtype as FactorType, segment);
    }
    return changed;
  }

  #addTo(pointer: number, dtype: FactorType, segment: Segment): Generator<Io, number> {
    const { batch, firstRow, rows } = segment;
    const tile = { pointer, dtype, batch, firstRow, rows, rowBytes: this.step.cols * bytesPerElement(dtype) };
    return this.#product.apply(tile, {
      rounding: this.step.roundDelta ? "twice" : "once",
      accumulate: this.#accumulate,
    });
  }

  *#addToF64(pointer: number, segment: Segment): Generator<Io, void> {
    const kernel = this.#kernel;
    const count = segment.rows * this.step.cols;
    const mark = kernel.mark();
    const delta = kernel.alloc(count * 4);
    kernel.bytes(delta, count * 4).fill(0);
    yield* this.#addTo(delta, "F32", segment);
    const bytes = kernel.bytes(pointer, count * 8);
    const sum = new Float64Array(bytes.buffer, bytes.byteOffset, count);
    const added = kernel.f32(delta, count);
    for (let i = 0; i < count; i++) sum[i] = (sum[i] as number) + (added[i] as number);
    kernel.release(mark);
  }
}
