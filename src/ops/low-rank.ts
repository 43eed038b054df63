import { type Kernel, type KernelVariant, variantOf } from "./kernel/kernel.ts";
import type { Pointer } from "./kernel/pointer.ts";
import { type Packed, widthOf } from "./pack.ts";
import { type Accumulate, itemBytes, type Rounding, type WeightType } from "./types.ts";

export interface LowRankTile {
  /** W: rows × cols in kernel memory, changed in place. */
  readonly weights: Pointer;
  readonly dtype: WeightType;
  readonly rows: number;
  readonly cols: number;
  /** Bytes from one row to the next. Default: cols × item size. */
  readonly rowStrideBytes?: number;
  readonly left: Packed;
  /** The row of `left` that belongs to the tile's first row; a multiple of 4. Default 0. */
  readonly leftRow?: number;
  readonly right: Packed;
  /** The column of `right` that belongs to the tile's first column; a multiple of 8. Default 0. */
  readonly rightCol?: number;
  /** Unitless; rounded to f32 first, as torch does with a Python float. */
  readonly scaling: number;
  /** Default "once". */
  readonly rounding?: Rounding;
  /** Default "muladd". */
  readonly accumulate?: Accumulate;
}

/** Bytes of R that stay in the L2 cache while L streams past it. */
const blockBytes = 131_072;
/** The kernel counts in 16-bit lanes that take at most 4 a panel. */
const mostPanels = 4_096;

/**
 * Adds a low-rank delta to a tile of W in place: W′ = round(W + scaling · (left · right)).
 *
 * Sums run over k in order from 0 in f32, then × scaling, then + W, each rounded half to even, and last once to
 * `dtype`. With `rounding: "twice"` the scaled delta is rounded to `dtype` before W is added (PEFT's
 * `safe_merge=True`). Overflow goes to infinity; a NaN result is the canonical quiet NaN of `dtype`, positive and
 * without payload (0x7fc0, 0x7e00, 0x7fc00000), also where W was already NaN.
 *
 * @returns how many elements changed bits
 */
export function addLowRank(kernel: Kernel, tile: LowRankTile): number {
  const { weights, dtype, rows, cols, left, right, leftRow = 0, rightCol = 0 } = tile;
  const r = left.loraRank;
  const stride = tile.rowStrideBytes ?? cols * itemBytes(dtype);
  checkSide(left, "left", leftRow, rows);
  checkSide(right, "right", rightCol, cols);
  if (r !== right.loraRank || r < 1) throw new Error(`internal: ranks ${r} and ${right.loraRank}`);
  if (Number.isNaN(tile.scaling)) throw new Error("internal: scaling is NaN");
  if (rows === 0 || cols === 0) return 0;
  kernel.check(weights, (rows - 1) * stride + cols * itemBytes(dtype));
  const block = Math.min(mostPanels, Math.max(1, Math.floor(blockBytes / (r * 32))));
  const run = kernel.exports[variant(tile)];
  const changed = run(
    weights,
    stride,
    rows,
    cols,
    right.pointer + rightCol * r * 4,
    left.pointer + leftRow * r * 4,
    r,
    Math.fround(tile.scaling),
    block,
  );
  return changed >>> 0;
}

function variant({ dtype, rounding, accumulate }: LowRankTile): KernelVariant {
  return variantOf({ dtype, roundDelta: rounding === "twice", accumulate: accumulate ?? "muladd" });
}

function checkSide(packed: Packed, side: Packed["side"], start: number, count: number): void {
  const isFit = packed.side === side && start >= 0 && start % widthOf(side) === 0 && count >= 0;
  if (!isFit || start + count > packed.length) {
    throw new Error(
      `internal: ${start}+${count} of a ${packed.side} factor of ${packed.length}, wanted ${side}`,
    );
  }
}
