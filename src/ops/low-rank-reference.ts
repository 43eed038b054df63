import { bitsFromFloat, type FloatDType, floatFromBits } from "./float-bits.ts";

/** How a low-rank product is rounded and summed. */
export interface TileRounding {
  /** Round the scaled delta to W's dtype before W is added (PEFT's `safe_merge=True`). */
  readonly roundDelta: boolean;
  /** "muladd": a rounded product, then a rounded sum. "fma": both in one rounding. */
  readonly accumulate: "muladd" | "fma";
}

export interface ReferenceTile extends TileRounding {
  /** rows × cols bit patterns, changed in place. */
  readonly weights: Uint16Array | Uint32Array;
  readonly dtype: FloatDType;
  readonly rows: number;
  readonly cols: number;
  /** rows × rank and rank × cols, row-major. */
  readonly left: Float32Array;
  readonly right: Float32Array;
  readonly rank: number;
  readonly scaling: number;
}

/** What `Kernel.addLowRank` does, in plain TypeScript: the definition that the kernel is tested against. */
export function addLowRankReference(tile: ReferenceTile): number {
  const { weights, dtype, rows, cols, left, right, rank, accumulate } = tile;
  const scaling = Math.fround(tile.scaling);
  let changed = 0;
  for (let row = 0; row < rows; row++) {
    for (let col = 0; col < cols; col++) {
      let sum = 0;
      for (let k = 0; k < rank; k++) {
        const l = left[row * rank + k] ?? 0;
        const r = right[k * cols + col] ?? 0;
        sum = accumulate === "fma" ? fmaf(l, r, sum) : Math.fround(sum + Math.fround(l * r));
      }
      let delta = Math.fround(sum * scaling);
      if (tile.roundDelta) delta = floatFromBits(dtype, bitsFromFloat(dtype, delta));
      const before = weights[row * cols + col] ?? 0;
      const after = bitsFromFloat(dtype, Math.fround(floatFromBits(dtype, before) + delta));
      if (after !== before) changed++;
      weights[row * cols + col] = after;
    }
  }
  return changed;
}

const f64 = new Float64Array(1);
const i64 = new BigInt64Array(f64.buffer);

/** a·b + c for f32 arguments, rounded once to f32: the f64 sum is rounded to odd, after which rounding again is safe. */
export function fmaf(a: number, b: number, c: number): number {
  const product = a * b; // 24 + 24 bits: exact
  const sum = product + c;
  const back = sum - product;
  const error = product - (sum - back) + (c - back);
  if (error === 0 || Number.isNaN(error)) return Math.fround(sum);
  f64[0] = sum;
  const bits = i64[0] ?? 0n;
  if ((bits & 1n) === 0n) i64[0] = error > 0 === sum > 0 ? bits + 1n : bits - 1n;
  return Math.fround(f64[0] ?? 0);
}
