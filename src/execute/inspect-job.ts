import { bitsOf, bytesPerElement, type DType } from "../core/index.ts";
import type { Kernel } from "../ops/index.ts";
import { blocksOf } from "./blocks.ts";
import { toF32 } from "./runner.ts";
import type { InspectTask, Io, Job, JobOptions, Outcome } from "./task.ts";

const floats: readonly DType[] = ["BF16", "F16", "F32", "F64", "F8_E4M3", "F8_E5M2"];

/** Whether NaN and Inf can be looked for in elements of this type. */
export function isScannable(dtype: DType): boolean {
  return floats.includes(dtype);
}

/** Whether differences between tensors of such types can be measured, not only counted. */
export function isMeasurable(dtype: DType): boolean {
  return floats.includes(dtype);
}

export function* inspectJob(
  kernel: Kernel,
  task: InspectTask,
  job: Job,
  options: JobOptions,
  outcome: Outcome,
): Generator<Io, void> {
  const { dtype, shape, id } = task.tensor;
  const blocks = blocksOf(dtype, shape);
  const here = kernel.alloc(blocks.blockBytes);
  const against = task.against === undefined ? undefined : new Comparison(kernel, task, job);
  for (let block = job.firstBlock; block < job.firstBlock + job.blockCount; block++) {
    const byteOffset = block * blocks.blockBytes;
    const byteLength = Math.min(blocks.blockBytes, blocks.byteLength - byteOffset);
    yield { kind: "read", id, byteOffset, pointer: here, byteLength };
    if (options.digest === "fast") outcome.digest += kernel.xxh3(here, byteLength, BigInt(block));
    if (task.scan && isScannable(dtype)) {
      const found = kernel.scan(dtype, here, byteLength / bytesPerElement(dtype));
      outcome.nan += found.nan;
      outcome.infinite += found.infinite;
    }
    if (against !== undefined) yield* against.block(here, byteOffset, byteLength, outcome);
  }
}

/** Compares blocks of a tensor with the same elements of another; both in the wider float type where types differ. */
class Comparison {
  readonly #kernel: Kernel;
  readonly #task: InspectTask;
  readonly #id: string;
  readonly #otherType: DType;
  /** The type that elements are compared in. */
  readonly #common: DType;
  readonly #there: number;
  #wide: readonly [number, number] = [0, 0];

  constructor(kernel: Kernel, task: InspectTask, job: Job) {
    const { dtype } = task.tensor;
    const { id, dtype: otherType } = task.against ?? task.tensor;
    this.#kernel = kernel;
    this.#task = task;
    this.#id = id;
    this.#otherType = otherType;
    this.#common = commonType(dtype, otherType);
    const { blockElements } = job;
    this.#there = kernel.alloc((blockElements * bitsOf(otherType)) / 8);
    if (dtype === otherType) return;
    const wideBytes = blockElements * bytesPerElement(this.#common);
    this.#wide = [kernel.alloc(wideBytes), kernel.alloc(wideBytes)];
  }

  *block(here: number, byteOffset: number, byteLength: number, outcome: Outcome): Generator<Io, void> {
    const { dtype } = this.#task.tensor;
    const there = this.#there;
    const scale = bitsOf(this.#otherType) / bitsOf(dtype);
    yield {
      kind: "read",
      id: this.#id,
      byteOffset: byteOffset * scale,
      pointer: there,
      byteLength: byteLength * scale,
    };
    if (dtype === this.#otherType) return this.#compare(here, there, byteLength, outcome);
    const count = byteLength / bytesPerElement(dtype);
    const [a, b] = this.#wide;
    this.#widen(dtype, here, a, count);
    this.#widen(this.#otherType, there, b, count);
    this.#compare(a, b, count * bytesPerElement(this.#common), outcome);
  }

  #compare(a: number, b: number, byteLength: number, outcome: Outcome): void {
    const dtype = this.#common;
    const width = elementWidth(dtype);
    const count = byteLength / width;
    const different = this.#kernel.countDifferent(width, a, b, count);
    outcome.different += different;
    if (!isMeasurable(dtype) || (different === 0 && this.#task.measureAll !== true)) return;
    const sums = this.#kernel.difference(dtype, a, b, count);
    outcome.measured += count;
    outcome.maxAbs = Math.max(outcome.maxAbs, sums.maxAbs);
    outcome.sumSquares += sums.sumSquares;
    outcome.sumSquaresA += sums.sumSquaresA;
    outcome.sumSquaresB += sums.sumSquaresB;
  }

  #widen(from: DType, source: number, destination: number, count: number): void {
    const kernel = this.#kernel;
    if (this.#common === "F32") {
      toF32(kernel, from, source, destination, count);
      return;
    }
    if (from === "F64") {
      kernel.bytes(destination, count * 8).set(kernel.bytes(source, count * 8));
      return;
    }
    const mark = kernel.mark();
    const single = kernel.alloc(count * 4);
    toF32(kernel, from, source, single, count);
    kernel.cast("F32", single, "F64", destination, count);
    kernel.release(mark);
  }
}

function commonType(a: DType, b: DType): DType {
  if (a === b) return a;
  if (!isMeasurable(a) || !isMeasurable(b)) throw new Error(`internal: comparison of ${a} with ${b}`);
  return a === "F64" || b === "F64" ? "F64" : "F32";
}

/** Sub-byte elements are compared by the byte. */
function elementWidth(dtype: DType): 1 | 2 | 4 | 8 {
  const bits = bitsOf(dtype);
  return bits === 16 ? 2 : bits === 32 ? 4 : bits === 64 ? 8 : 1;
}
