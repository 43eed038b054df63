import { bytesPerElement, type Step } from "../core/index.ts";
import { bitsFromFloat, floatFromBits, type Kernel } from "../ops/index.ts";
import { type FactorValues, readFactorValues } from "./factor-values.ts";
import { isProvenDType, type ProvenDType, roundingUnit } from "./proof-bound.ts";
import type { ElementTile } from "./runner.ts";
import type { Io, JobOptions, Outcome, WriteTask } from "./task.ts";

type LowRankStep = Step & { readonly kind: "addLowRank" };

/** Rows of each merged tensor that are compared with f64 arithmetic by default. */
const sampledRows = 2;
/** An element of a factor while it is read: raw at most f32, and as f32. */
const factorElementBytes = 8;

/** A row as it should come out: all steps in f64, and for each element |W| + |s|·Σ|L||R|, which nothing can cancel. */
interface ReferenceRow {
  /** Over all batches. */
  readonly row: number;
  readonly sums: Float64Array;
  readonly sizes: Float64Array;
}

/**
 * Compares merged rows with a reference that is all f64 and not rounded. It reads the factors again by the addresses of
 * the plan, so that it sees errors of packing and of the kernel alike. Sampled rows are chosen by the tensor's name, so a
 * second run looks at the same ones.
 */
export class RowProof {
  readonly #kernel: Kernel;
  readonly #steps: readonly LowRankStep[];
  readonly #source: ProvenDType;
  readonly #output: ProvenDType;
  readonly #cols: number;
  /** Row numbers over all batches, ascending, or undefined for every row. */
  readonly #rows: readonly number[] | undefined;
  /** Elements of the right factor that are read at once. All of a factor is one read, a part of it one for each rank. */
  readonly #factorElements: number;

  private constructor(
    kernel: Kernel,
    steps: readonly LowRankStep[],
    { recipe }: WriteTask,
    rows: readonly number[] | undefined,
    factorBytes: number,
  ) {
    this.#kernel = kernel;
    this.#steps = steps;
    this.#source = recipe.source.dtype as ProvenDType;
    this.#output = recipe.dtype as ProvenDType;
    this.#cols = (steps[0] as LowRankStep).cols;
    this.#rows = rows;
    this.#factorElements = Math.floor(factorBytes / factorElementBytes);
  }

  /** Undefined when the recipe has steps, or dtypes, that this proof does not cover; the certificate then says so. */
  static of(kernel: Kernel, task: WriteTask, options: JobOptions): RowProof | undefined {
    const { source, dtype, steps } = task.recipe;
    const lowRank = steps.filter((step) => step.kind === "addLowRank");
    const [first] = lowRank;
    if (first === undefined || lowRank.length !== steps.length) return undefined;
    if (!isProvenDType(source.dtype) || !isProvenDType(dtype)) return undefined;
    if (lowRank.some(({ cols }) => cols !== first.cols)) return undefined;
    const sample = options.prove === "full" ? undefined : seededRows(task.name, first.rows * first.batches);
    return new RowProof(kernel, lowRank, task, sample, options.factorBytes);
  }

  /** Keeps the rows of `tile` that will be proven, as they are before the merge. Undefined when there are none. */
  begin(tile: ElementTile): { finish(target: number, outcome: Outcome): Generator<Io, void> } | undefined {
    const first = tile.first / this.#cols;
    const count = tile.count / this.#cols;
    const chosen =
      this.#rows === undefined
        ? Array.from({ length: count }, (_, i) => first + i)
        : this.#rows.filter((row) => row >= first && row < first + count);
    if (chosen.length === 0) return undefined;
    const dtype = this.#source === this.#output ? this.#output : "F32";
    const rows = chosen.map((row) => this.#decode(tile.pointer, row, row - first, dtype));
    return { finish: (target, outcome) => this.#finish(rows, first, target, outcome) };
  }

  *#finish(
    rows: readonly ReferenceRow[],
    first: number,
    target: number,
    outcome: Outcome,
  ): Generator<Io, void> {
    for (const step of this.#steps)
      for (const [batch, members] of byBatch(rows, step.rows)) yield* this.#addExactly(members, batch, step);
    for (const each of rows) {
      outcome.provenRows++;
      outcome.maxError = Math.max(outcome.maxError, this.#errorOf(target, each.row - first, each));
    }
  }

  #decode(pointer: number, row: number, rowInTile: number, dtype: ProvenDType): ReferenceRow {
    const bits = this.#bits(pointer, rowInTile, dtype);
    const sums = new Float64Array(bits.length);
    const sizes = new Float64Array(bits.length);
    // A plain loop: `from` and `map` took a twentieth of the CPU time of a whole merge.
    for (let j = 0; j < bits.length; j++) {
      const value = floatFromBits(dtype, bits[j] as number);
      sums[j] = value;
      sizes[j] = Math.abs(value);
    }
    return { row, sums, sizes };
  }

  #bits(pointer: number, row: number, dtype: ProvenDType): Uint16Array | Uint32Array {
    const width = bytesPerElement(dtype);
    const bytes = this.#kernel.bytes(pointer + row * this.#cols * width, this.#cols * width);
    return width === 2
      ? new Uint16Array(bytes.buffer, bytes.byteOffset, this.#cols)
      : new Uint32Array(bytes.buffer, bytes.byteOffset, this.#cols);
  }

  #errorOf(target: number, rowInTile: number, { sums, sizes }: ReferenceRow): number {
    const merged = this.#bits(target, rowInTile, this.#output);
    let worst = 0;
    for (let j = 0; j < sums.length; j++) {
      const [wanted, size] = [sums[j] as number, sizes[j] as number];
      worst = Math.max(worst, elementError(this.#output, merged[j] as number, wanted, size));
    }
    return worst;
  }

  /** Adds s·L·R to rows of one batch, and |s|·Σ|L||R| to their sizes. */
  *#addExactly(rows: readonly ReferenceRow[], batch: number, step: LowRankStep): Generator<Io, void> {
    const kernel = this.#kernel;
    const mark = kernel.mark();
    const { loraRank, cols, scaling } = step;
    const firstRow = (rows[0] as ReferenceRow).row;
    const count = (rows.at(-1) as ReferenceRow).row - firstRow + 1;
    const run = { batch, first: firstRow - batch * step.rows, count, loraRank };
    const left = yield* readFactorValues(kernel, step.left, run);
    const l = left.values.slice();
    const colsAtOnce = Math.max(8, Math.floor(this.#factorElements / loraRank));
    for (let first = 0; first < cols; first += colsAtOnce) {
      const width = Math.min(colsAtOnce, cols - first);
      const inner = kernel.mark();
      const right = yield* readFactorValues(kernel, step.right, { batch, first, count: width, loraRank });
      for (const { row, sums, sizes } of rows) {
        const ofRow = (row - firstRow) * left.nStride;
        const [dots, magnitudes] = [new Float64Array(width), new Float64Array(width)];
        for (let k = 0; k < loraRank; k++)
          addProducts(l[ofRow + k * left.kStride] as number, right, k, dots, magnitudes);
        for (let j = 0; j < width; j++) {
          sums[first + j] = (sums[first + j] as number) + scaling * (dots[j] as number);
          sizes[first + j] = (sizes[first + j] as number) + Math.abs(scaling) * (magnitudes[j] as number);
        }
      }
      kernel.release(inner);
    }
    kernel.release(mark);
  }
}

/** One row of R times one element of L, into sums of products and of their magnitudes. */
function addProducts(
  factor: number,
  { values, kStride, nStride }: FactorValues,
  k: number,
  dots: Float64Array,
  magnitudes: Float64Array,
): void {
  for (let j = 0, at = k * kStride; j < dots.length; j++, at += nStride) {
    const product = factor * (values[at] as number);
    dots[j] = (dots[j] as number) + product;
    magnitudes[j] = (magnitudes[j] as number) + Math.abs(product);
  }
}

/** Consecutive rows of the same batch (expert) together. */
function byBatch(rows: readonly ReferenceRow[], rowsPerBatch: number): Map<number, ReferenceRow[]> {
  const groups = new Map<number, ReferenceRow[]>();
  for (const each of rows) {
    const batch = Math.floor(each.row / rowsPerBatch);
    const group = groups.get(batch);
    if (group === undefined) groups.set(batch, [each]);
    else group.push(each);
  }
  return groups;
}

/**
 * |merged − wanted| in units of one rounding. NaN and infinity have to be the same, or the error is the largest number
 * there is: it has to pass through JSON.
 */
function elementError(dtype: ProvenDType, bits: number, wanted: number, size: number): number {
  const value = floatFromBits(dtype, bits);
  if (Number.isFinite(value) && Number.isFinite(wanted)) {
    return Math.abs(value - wanted) / roundingUnit(dtype, size);
  }
  const isSame = Number.isNaN(value) ? Number.isNaN(wanted) : bits === bitsFromFloat(dtype, wanted);
  return isSame ? 0 : Number.MAX_VALUE;
}

function seededRows(name: string, rows: number): readonly number[] {
  let state = 0x811c9dc5;
  for (const character of name)
    state = Math.imul(state ^ (character.codePointAt(0) as number), 0x01000193) >>> 0;
  const chosen = new Set<number>();
  for (let i = 0; i < sampledRows; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    chosen.add(Math.floor((state / 2 ** 32) * rows));
  }
  return [...chosen].sort((a, b) => a - b);
}
