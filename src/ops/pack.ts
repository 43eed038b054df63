import type { Kernel } from "./kernel/kernel.ts";
import type { Pointer } from "./kernel/pointer.ts";
import { type FactorType, itemBytes } from "./types.ts";

/**
 * A factor of a low-rank delta, widened to f32 and laid out for the kernel's tiles.
 *
 * `right` (r × cols) lies in panels of 8 columns, `left` (rows × r) in blocks of 4 rows; within each, k by k.
 * The last panel or block is padded with zeros. NaN is canonical (0x7fc00000).
 */
export interface Packed {
  readonly side: "left" | "right";
  readonly pointer: Pointer;
  readonly byteLength: number;
  readonly loraRank: number;
  /** Rows of a left factor, columns of a right one. */
  readonly length: number;
  /** What the packed values are like; decides which path `accumulate: "fma"` takes. */
  readonly survey: Survey;
}

/** Bits and magnitudes of everything packed into one factor, as f32 bit patterns. */
export interface Survey {
  /** Or of all patterns: zero low bits in it are zero in every value. */
  bits: number;
  /** The largest magnitude; above 0x7f800000 is NaN. */
  high: number;
  /** The smallest magnitude that is not zero; 0xffffffff if there is none. */
  low: number;
}

/** Where the elements of a factor lie in kernel memory; strides in elements, of the stored dtype. */
export interface FactorSource {
  readonly pointer: Pointer;
  readonly dtype: FactorType;
  /** Elements from k to k + 1, and from one row (left) or column (right) to the next. */
  readonly strides: { readonly k: number; readonly n: number };
  /** Which part of the packed factor this fills; default all of it. `n` starts at a multiple of 8 (right) or 4. */
  readonly part?: { readonly k: number; readonly ks: number; readonly n: number; readonly ns: number };
}

const surveyAt: Pointer = 320;

/** Reserves a packed factor; nothing is in it yet. @throws ResourceError TENON_MEMORY_BUDGET */
export function allocPacked(
  kernel: Kernel,
  shape: { readonly side: Packed["side"]; readonly loraRank: number; readonly length: number },
): Packed {
  const { side, loraRank, length } = shape;
  const width = widthOf(side);
  const byteLength = Math.ceil(length / width) * width * loraRank * 4;
  const survey = { bits: 0, high: 0, low: 0xffff_ffff };
  return { side, pointer: kernel.alloc(byteLength), byteLength, loraRank, length, survey };
}

/**
 * Packs a factor, or one part of it, from anywhere in kernel memory.
 *
 * A Linear's A (r, in) is a right factor with strides `{ k: in, n: 1 }`, its B (out, r) a left one with
 * `{ k: 1, n: r }`. For a transposed base (Conv1D, embedding) A is left with `{ k: in, n: 1 }` and B right with
 * `{ k: 1, n: r }`. Of E experts, expert e has A at element e·r·in with `{ k: in, n: 1 }` (expert-major) and B at
 * element e with `{ k: E, n: r·E }` (rank-major). BF16, F16 and F32 widen exactly.
 */
export function packFactor(kernel: Kernel, packed: Packed, source: FactorSource): void {
  const { side, loraRank, length, survey } = packed;
  const width = widthOf(side);
  const part = source.part ?? { k: 0, ks: loraRank, n: 0, ns: length };
  const isInside = part.k >= 0 && part.k + part.ks <= loraRank && part.n >= 0 && part.n + part.ns <= length;
  // A part may end inside a panel only where the factor ends: the padding would overwrite what follows.
  const isWhole = part.n % width === 0 && (part.ns % width === 0 || part.n + part.ns === length);
  if (!isInside || !isWhole) throw new Error(`internal: part ${JSON.stringify(part)} of a packed factor`);
  if (part.ks === 0 || part.ns === 0) return;
  const bytes = itemBytes(source.dtype);
  const { k, n } = source.strides;
  if (k < 0 || n < 0) throw new Error("internal: negative stride");
  kernel.check(source.pointer, ((part.ks - 1) * k + (part.ns - 1) * n + 1) * bytes);
  const pitch = loraRank * width * 4;
  const to = packed.pointer + (part.n / width) * pitch + part.k * width * 4;
  const { packBf16, packF16, packF32 } = kernel.exports;
  const run = source.dtype === "BF16" ? packBf16 : source.dtype === "F16" ? packF16 : packF32;
  const seen = kernel.scratch(surveyAt, 48);
  for (let lane = 0; lane < 48; lane += 4) seen.setUint32(lane, lane < 32 ? 0 : 0xffff_ffff, true);
  run(source.pointer, part.ks, part.ns, k * bytes, n * bytes, to, pitch, width);
  for (let lane = 0; lane < 16; lane += 4) {
    survey.bits = (survey.bits | seen.getUint32(lane, true)) >>> 0;
    survey.high = Math.max(survey.high, seen.getUint32(lane + 16, true));
    survey.low = Math.min(survey.low, (seen.getUint32(lane + 32, true) + 1) >>> 0 || 0xffff_ffff);
  }
}

/** Columns of a panel, rows of a block. */
export function widthOf(side: Packed["side"]): 4 | 8 {
  return side === "left" ? 4 : 8;
}
