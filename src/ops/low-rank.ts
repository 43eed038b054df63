import type { Kernel } from "./kernel/kernel.ts";
import type { Pointer } from "./kernel/pointer.ts";
import { type Packed, type Survey, widthOf } from "./pack.ts";
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
  const changed = kernel.exports.merge(
    kindOf(tile),
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

/** The number by which finish.as.ts knows a kind of tile. */
function kindOf({ dtype, rounding, accumulate, left, right }: LowRankTile): number {
  let kind = dtype === "F32" ? 2 : dtype === "F16" ? 1 : 0;
  if (rounding === "twice" && dtype !== "F32") kind += 4; // a delta in f32 is rounded already
  if (accumulate === "fma" && !hasExactProducts(left.survey, right.survey))
    kind += isTiny(left.survey, right.survey) ? 24 : 8;
  return kind;
}

/**
 * Whether every product of two values fits f32 exactly (24 bits, no overflow, no underflow): a fused sum is then the
 * same as a product and a sum. So it is for factors stored as BF16 or F16, whose values have 8 and 11 bits.
 */
function hasExactProducts(a: Survey, b: Survey): boolean {
  const areFinite = a.high < infinity && b.high < infinity;
  const zeroBits = trailingZeros(a.bits) + trailingZeros(b.bits);
  return areFinite && zeroBits >= 24 && exponentOf(a.high) + exponentOf(b.high) < 125 && !isTiny(a, b);
}

/** Whether a sum of products may be below 2^-126 and yet need more bits than f64 has. */
function isTiny(a: Survey, b: Survey): boolean {
  return exponentOf(a.low) + exponentOf(b.low) <= -100;
}

const infinity = 0x7f80_0000;

/** Floor of the binary logarithm of a magnitude, from its bits; for a subnormal the least there is. */
function exponentOf(bits: number): number {
  const exponent = Math.floor(bits / 2 ** 23) - 127;
  return exponent === -127 ? -149 : exponent;
}

/** How many low bits of the mantissa are zero; 24 for a power of two. */
function trailingZeros(bits: number): number {
  const mantissa = bits % 2 ** 23;
  return mantissa === 0 ? 24 : 31 - Math.clz32(mantissa & -mantissa);
}

function checkSide(packed: Packed, side: Packed["side"], start: number, count: number): void {
  const isFit = packed.side === side && start >= 0 && start % widthOf(side) === 0 && count >= 0;
  if (!isFit || start + count > packed.length) {
    throw new Error(
      `internal: ${start}+${count} of a ${packed.side} factor of ${packed.length}, wanted ${side}`,
    );
  }
}
