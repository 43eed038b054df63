import type { LowRank } from "../core/index.ts";
import { addLowRank, type FactorType, type Kernel, type LowRankTile, type Packed } from "../ops/index.ts";
import { loadPacked } from "./factors.ts";
import type { Io } from "./task.ts";
import { packedColumns } from "./tile-size.ts";

/** A run of whole rows of one batch, lying in the kernel's memory. */
export interface RowTile {
  readonly pointer: number;
  readonly dtype: FactorType;
  readonly batch: number;
  /** Index of the first row within the batch. */
  readonly firstRow: number;
  readonly rows: number;
  readonly rowBytes: number;
}

/**
 * One low-rank product applied to tile after tile of one job.
 *
 * Factors are packed once for the rows of the job and kept while the batch (the expert) stays the same. When the
 * right factor is wider than `factorBytes`, it is packed in column blocks, again for every tile: slower, but bounded.
 */
export class LowRankProduct {
  readonly step: LowRank;
  readonly #kernel: Kernel;
  readonly #colsPerBlock: number;
  #batch = -1;
  #leftFirst = 0;
  #left: Packed | undefined;
  #right: Packed | undefined;

  constructor(kernel: Kernel, step: LowRank, factorBytes: number) {
    this.#kernel = kernel;
    this.step = step;
    this.#colsPerBlock = packedColumns(step, factorBytes);
  }

  /** Whether one packing of the right factor serves all columns. */
  get #isWhole(): boolean {
    return this.#colsPerBlock >= this.step.cols;
  }

  /**
   * Loads what rows from `firstRow` of `batch` on need: `needed` rows now, up to `rows` in all while the job lasts.
   * Must be called before {@link apply} for them. Memory comes from the kernel's arena; the job gives it back.
   * The left factor is packed in groups of four rows, so a row that does not begin a group is packed anew.
   */
  *load(batch: number, firstRow: number, rows: number, needed: number): Generator<Io, void> {
    const offset = firstRow - this.#leftFirst;
    const isSameBatch = batch === this.#batch;
    if (isSameBatch && offset >= 0 && offset % 4 === 0 && offset + needed <= (this.#left?.length ?? 0))
      return;
    const { loraRank, cols } = this.step;
    const kernel = this.#kernel;
    this.#left = yield* loadPacked(kernel, this.step.left, {
      side: "left",
      batch,
      first: firstRow,
      count: rows,
      loraRank,
    });
    this.#leftFirst = firstRow;
    this.#batch = batch;
    if (isSameBatch || !this.#isWhole) return;
    this.#right = yield* loadPacked(kernel, this.step.right, {
      side: "right",
      batch,
      first: 0,
      count: cols,
      loraRank,
    });
  }

  /** W = round(W + scaling·L·R) for the rows of `tile`; returns how many elements changed. */
  *apply(tile: RowTile, how: Required<Pick<LowRankTile, "rounding" | "accumulate">>): Generator<Io, number> {
    const { loraRank, cols, scaling } = this.step;
    const kernel = this.#kernel;
    if (this.#batch !== tile.batch || this.#left === undefined) {
      throw new Error(`internal: row ${tile.firstRow} of batch ${tile.batch} was not loaded`);
    }
    const leftRow = tile.firstRow - this.#leftFirst;
    const { dtype, rows, rowBytes } = tile;
    const shared = { dtype, rows, rowStrideBytes: rowBytes, left: this.#left, leftRow, scaling, ...how };
    if (this.#right !== undefined)
      return addLowRank(kernel, { ...shared, weights: tile.pointer, cols, right: this.#right });
    let changed = 0;
    const width = rowBytes / cols;
    for (let first = 0; first < cols; first += this.#colsPerBlock) {
      const count = Math.min(this.#colsPerBlock, cols - first);
      const mark = kernel.mark();
      const right = yield* loadPacked(kernel, this.step.right, {
        side: "right",
        batch: tile.batch,
        first,
        count,
        loraRank,
      });
      changed += addLowRank(kernel, { ...shared, weights: tile.pointer + first * width, cols: count, right });
      kernel.release(mark);
    }
    return changed;
  }
}
