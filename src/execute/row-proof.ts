import { bytesPerElement } from "../core/index.ts";
import { bitsFromFloat, floatFromBits, type Kernel } from "../ops/index.ts";
import { LowRankRunner } from "./low-rank-runner.ts";
import { isProvenDType, type ProvenDType, roundingUnit } from "./proof-bound.ts";
import type { ElementTile, StepRunner } from "./runner.ts";
import type { JobOptions, Outcome, WriteTask } from "./task.ts";

/** Rows of each merged tensor that are compared with f64 arithmetic by default. */
const sampledRows = 2;

/** A row as it should come out: all steps in f64, and for each element |W| + |s|·Σ|L||R|, which nothing can cancel. */
interface ReferenceRow {
  readonly sums: Float64Array;
  readonly sizes: Float64Array;
}

/**
 * Compares merged rows with a reference that is all f64 and not rounded. Sampled rows are chosen by the tensor's name,
 * so a second run looks at the same ones.
 */
export class RowProof {
  readonly #kernel: Kernel;
  readonly #runners: readonly LowRankRunner[];
  readonly #source: ProvenDType;
  readonly #output: ProvenDType;
  readonly #cols: number;
  /** Row numbers over all batches, or undefined for every row. */
  readonly #rows: ReadonlySet<number> | undefined;

  private constructor(
    kernel: Kernel,
    runners: readonly LowRankRunner[],
    task: WriteTask,
    rows: ReadonlySet<number> | undefined,
  ) {
    this.#kernel = kernel;
    this.#runners = runners;
    this.#source = task.recipe.source.dtype as ProvenDType;
    this.#output = task.recipe.dtype as ProvenDType;
    this.#cols = (runners[0] as LowRankRunner).step.cols;
    this.#rows = rows;
  }

  /** Undefined when the recipe has steps, or dtypes, that this proof does not cover; the certificate then says so. */
  static of(
    kernel: Kernel,
    task: WriteTask,
    runners: readonly StepRunner[],
    options: JobOptions,
  ): RowProof | undefined {
    const lowRank = runners.filter((runner): runner is LowRankRunner => runner instanceof LowRankRunner);
    if (lowRank.length === 0 || lowRank.length !== runners.length) return undefined;
    if (!isProvenDType(task.recipe.source.dtype) || !isProvenDType(task.recipe.dtype)) return undefined;
    const { cols, rows, batches } = (lowRank[0] as LowRankRunner).step;
    if (lowRank.some(({ step, product }) => step.cols !== cols || !product.isWhole)) return undefined;
    const sample = options.prove === "full" ? undefined : seededRows(task.name, rows * batches);
    return new RowProof(kernel, lowRank, task, sample);
  }

  /**
   * Keeps the rows of `tile` that will be proven, as they are before the merge, and listens to the steps that change
   * them. Undefined when there are none.
   */
  begin(tile: ElementTile): { finish(target: number, outcome: Outcome): void } | undefined {
    const first = tile.first / this.#cols;
    const count = tile.count / this.#cols;
    const chosen =
      this.#rows === undefined
        ? Array.from({ length: count }, (_, i) => first + i)
        : [...this.#rows].filter((row) => row >= first && row < first + count);
    if (chosen.length === 0) return undefined;
    const dtype = this.#source === this.#output ? this.#output : "F32";
    const rows = new Map(chosen.map((row) => [row, this.#decode(tile.pointer, row - first, dtype)]));
    for (const runner of this.#runners) {
      runner.onSegment = (firstRow, segment) => {
        for (let i = 0; i < segment.rows; i++) {
          const row = rows.get(firstRow + i);
          if (row !== undefined) this.#addExactly(row, runner, segment.firstRow + i);
        }
      };
    }
    return {
      finish: (target, outcome) => {
        for (const runner of this.#runners) runner.onSegment = undefined;
        for (const [row, reference] of rows) {
          outcome.provenRows++;
          outcome.maxError = Math.max(outcome.maxError, this.#errorOf(target, row - first, reference));
        }
      },
    };
  }

  #decode(pointer: number, row: number, dtype: ProvenDType): ReferenceRow {
    const bits = this.#bits(pointer, row, dtype);
    const sums = new Float64Array(bits.length);
    const sizes = new Float64Array(bits.length);
    // A plain loop: `from` and `map` took a twentieth of the CPU time of a whole merge.
    for (let j = 0; j < bits.length; j++) {
      const value = floatFromBits(dtype, bits[j] as number);
      sums[j] = value;
      sizes[j] = Math.abs(value);
    }
    return { sums, sizes };
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

  /** `row` counts within the batch whose factors are loaded now. */
  #addExactly({ sums, sizes }: ReferenceRow, { step, product }: LowRankRunner, row: number): void {
    const packed = product.packed();
    if (packed === undefined) throw new Error("internal: proof of a product packed in column blocks");
    const { loraRank: r, cols, scaling } = step;
    const local = row - packed.leftFirstRow;
    const left = this.#kernel.f32(packed.left.pointer + Math.floor(local / 4) * r * 16, r * 4);
    const panels = Math.ceil(cols / 8);
    const right = this.#kernel.f32(packed.right.pointer, panels * r * 8);
    for (let j = 0; j < cols; j++) {
      const panel = Math.floor(j / 8) * r * 8 + (j % 8);
      let dot = 0;
      let size = 0;
      for (let k = 0; k < r; k++) {
        const product = (left[k * 4 + (local % 4)] as number) * (right[panel + k * 8] as number);
        dot += product;
        size += Math.abs(product);
      }
      sums[j] = (sums[j] as number) + scaling * dot;
      sizes[j] = (sizes[j] as number) + Math.abs(scaling) * size;
    }
  }
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

function seededRows(name: string, rows: number): ReadonlySet<number> {
  let state = 0x811c9dc5;
  for (const character of name)
    state = Math.imul(state ^ (character.codePointAt(0) as number), 0x01000193) >>> 0;
  const chosen = new Set<number>();
  for (let i = 0; i < sampledRows; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    chosen.add(Math.floor((state / 2 ** 32) * rows));
  }
  return chosen;
}
