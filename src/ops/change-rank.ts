import { eigenvaluesOf } from "./eigenvalues.ts";
import { RowSketch } from "./row-sketch.ts";

/** More columns than this are not measured: the sketch would be larger than all else that a run may hold. */
export const changeRankColumns = 65_536;

/** How many independent directions the difference of two matrices has, beyond what rounding explains. */
export interface ChangeRank {
  /** Singular values of B − A above the tolerance; the cap, where there are more. */
  readonly rank: number;
  /** There are more than `rank`. */
  readonly isMore: boolean;
  /** True where every singular value was computed; else `rank` comes from a sketch, and is never too large. */
  readonly isExact: boolean;
  readonly tolerance: number;
}

/** Ranks above it are only said to be above it. */
const cap = 64;
/** Sizes at which all singular values are computed: the shorter side, and multiplications. */
const exact = { side: 256, products: 2 ** 31, wideElements: 2 ** 20 } as const;
/** Rounding of A and of B, each worse than the average, and a delta that PEFT rounds before its sum. */
const margin = 1.5;
/** The squares of singular values come from sums in f64, which hold half the digits. */
const floor = 1e-6;

/**
 * Rank of a change, from its rows in order, once or twice over. Bounded memory: at most a square of the shorter side, or the
 * sketch, which is 96 × columns.
 *
 * A large matrix is sketched with seeded random signs, its rows' space is taken from that, and singular values are those of
 * the matrix projected on it, so none is larger than it is. Values near the tolerance may be missed.
 * @see Halko, Martinsson, Tropp, "Finding structure with randomness" (2011), algorithm 4.1
 */
export class ChangeRankMeter {
  readonly #rows: number;
  readonly #cols: number;
  readonly #columnNoise: Float64Array;
  #rowNoise = 0;
  /** Exact: the matrix itself where it is wide, else the products of its columns. */
  readonly #held: Float64Array | undefined;
  readonly #sketch: RowSketch | undefined;
  #projected: Float64Array | undefined;

  constructor(rows: number, cols: number) {
    this.#rows = rows;
    this.#cols = cols;
    this.#columnNoise = new Float64Array(cols);
    const side = Math.min(rows, cols);
    const isSmall = side <= exact.side && rows * cols * side <= exact.products;
    const isHeld = isSmall && (cols <= rows || rows * cols <= exact.wideElements);
    if (isHeld) this.#held = new Float64Array(cols <= rows ? cols * cols : rows * cols);
    else this.#sketch = new RowSketch(cols, cap + 32);
  }

  /**
   * One row of the first pass, in order.
   * @param variances of the rounding of each element
   */
  first(index: number, change: Float64Array, variances: Float64Array): void {
    let sum = 0;
    for (let j = 0; j < this.#cols; j++) {
      const variance = variances[j] as number;
      sum += variance;
      this.#columnNoise[j] = (this.#columnNoise[j] as number) + variance;
    }
    this.#rowNoise = Math.max(this.#rowNoise, sum);
    if (this.#sketch !== undefined) this.#sketch.add(index, change);
    else if (this.#cols <= this.#rows) addProducts(this.#held as Float64Array, change, this.#cols);
    else (this.#held as Float64Array).set(change, index * this.#cols);
  }

  /** What is known after the first pass; undefined where the rows are needed once more. */
  afterFirst(): ChangeRank | undefined {
    const sketch = this.#sketch;
    if (sketch !== undefined) {
      const count = sketch.orthonormalise();
      this.#projected = new Float64Array(count * count);
      return undefined;
    }
    const held = this.#held as Float64Array;
    if (this.#cols <= this.#rows) return this.#count(eigenvaluesOf(held, this.#cols), true);
    const products = new Float64Array(this.#rows * this.#rows);
    for (let i = 0; i < this.#rows; i++)
      for (let k = 0; k <= i; k++) products[i * this.#rows + k] = dot(held, i, k, this.#cols);
    return this.#count(eigenvaluesOf(products, this.#rows), true);
  }

  /** One row of the second pass. */
  second(change: Float64Array): void {
    const projection = this.#sketch?.project(change) ?? new Float64Array();
    addProducts(this.#projected as Float64Array, projection, projection.length);
  }

  afterSecond(): ChangeRank {
    const projected = this.#projected as Float64Array;
    return this.#count(eigenvaluesOf(projected, Math.round(Math.sqrt(projected.length))), false);
  }

  #count(squares: Float64Array, isExact: boolean): ChangeRank {
    const columnNoise = this.#columnNoise.reduce((most, value) => Math.max(most, value), 0);
    const noise = margin * (Math.sqrt(this.#rowNoise) + Math.sqrt(columnNoise));
    const largest = Math.sqrt(Math.max(0, squares[0] ?? 0));
    const tolerance = Math.max(noise, floor * largest);
    const above = squares.filter((square) => Math.sqrt(Math.max(0, square)) > tolerance).length;
    return { rank: Math.min(above, cap), isMore: above > cap, isExact, tolerance };
  }
}

/** Adds the lower triangle of the outer product. */
function addProducts(sums: Float64Array, row: Float64Array, n: number): void {
  for (let i = 0; i < n; i++) {
    const value = row[i] as number;
    if (value === 0) continue;
    const start = i * n;
    for (let k = 0; k <= i; k++) sums[start + k] = (sums[start + k] as number) + value * (row[k] as number);
  }
}

function dot(rows: Float64Array, i: number, k: number, n: number): number {
  let sum = 0;
  for (let j = 0; j < n; j++) sum += (rows[i * n + j] as number) * (rows[k * n + j] as number);
  return sum;
}
