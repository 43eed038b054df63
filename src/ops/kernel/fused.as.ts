// Sums of a tile with a fused multiply-add, without the instruction: the product of two f32 is exact in f64, the sum
// with the f32 so far is rounded to f64 and then to f32. The second rounding goes wrong only where the first one fell
// on a midpoint of f32 (bits 0 to 28 are 0x10000000) or, below 2^-126, where midpoints lie elsewhere.
import { SCRATCH_SUMS } from "./scratch.as";

// @ts-ignore: decorator
@inline function widened(p: usize): v128 { return f64x2.promote_low_f32x4(v128.load64_zero(p)); }
// @ts-ignore: decorator
@inline function narrowed(s: v128): v128 { return f64x2.promote_low_f32x4(f32x4.demote_f64x2_zero(s)); }
// @ts-ignore: decorator
@inline function fold(c: v128, q: v128, a: v128): v128 { return f64x2.add(c, f64x2.mul(q, a)); }

/** Lanes (of the low words of two sums) that are midpoints. The shift drops what lies above bit 28. */
// @ts-ignore: decorator
@inline function midpoints(s: v128, t: v128): v128 {
  return i32x4.eq(i32x4.shl(v128.shuffle<i32>(s, t, 0, 2, 4, 6), 3), i32x4.splat(0x80000000));
}

// @ts-ignore: decorator
@inline function storeRow(to: usize, c0: v128, c1: v128, c2: v128, c3: v128): void {
  v128.store64_lane(to, f32x4.demote_f64x2_zero(c0), 0); v128.store64_lane(to, f32x4.demote_f64x2_zero(c1), 0, 8);
  v128.store64_lane(to, f32x4.demote_f64x2_zero(c2), 0, 16); v128.store64_lane(to, f32x4.demote_f64x2_zero(c3), 0, 24);
}

/** Two rows to `to`; returns lanes with a bit set where a sum met a midpoint, so that the rows are not proven right. */
// @ts-ignore: decorator
@inline function quickRows(ap: usize, ae: usize, bp: usize, to: usize): v128 {
  let c0 = f64x2.splat(0), c1 = c0, c2 = c0, c3 = c0, d0 = c0, d1 = c0, d2 = c0, d3 = c0, doubt = c0;
  for (; ap < ae; ap += 32, bp += 16) {
    const both = widened(bp), q = v128.shuffle<i64>(both, both, 0, 0), u = v128.shuffle<i64>(both, both, 1, 1);
    let a = widened(ap);
    c0 = fold(c0, q, a); d0 = fold(d0, u, a);
    a = widened(ap + 8);
    c1 = fold(c1, q, a); d1 = fold(d1, u, a);
    doubt = v128.or(doubt, v128.or(midpoints(c0, c1), midpoints(d0, d1)));
    c0 = narrowed(c0); c1 = narrowed(c1); d0 = narrowed(d0); d1 = narrowed(d1);
    a = widened(ap + 16);
    c2 = fold(c2, q, a); d2 = fold(d2, u, a);
    a = widened(ap + 24);
    c3 = fold(c3, q, a); d3 = fold(d3, u, a);
    doubt = v128.or(doubt, v128.or(midpoints(c2, c3), midpoints(d2, d3)));
    c2 = narrowed(c2); c3 = narrowed(c3); d2 = narrowed(d2); d3 = narrowed(d3);
  }
  storeRow(to, c0, c1, c2, c3); storeRow(to + 32, d0, d1, d2, d3);
  return doubt;
}

/** c + q * a for two lanes: the exact sum rounded to odd in f64, after which rounding to f32 rounds once. */
// @ts-ignore: decorator
@inline function exactly(c: v128, q: v128, a: v128): v128 {
  const p = f64x2.mul(q, a), s = f64x2.add(p, c), b = f64x2.sub(s, p);
  const e = f64x2.add(f64x2.sub(p, f64x2.sub(s, b)), f64x2.sub(c, b)); // what the addition lost, exactly
  const isInexact = v128.and(f64x2.ne(e, f64x2.splat(0)), f64x2.eq(e, e)); // NaN: s is infinite or NaN
  const isEven = i64x2.eq(v128.and(s, i64x2.splat(1)), i64x2.splat(0));
  const step = v128.or(i64x2.shr_s(v128.xor(s, e), 63), i64x2.splat(1)); // away from zero where e has the sign of s
  return narrowed(i64x2.add(s, v128.and(step, v128.and(isInexact, isEven))));
}

function exactRow(ap: usize, ae: usize, bp: usize, to: usize): void {
  let c0 = f64x2.splat(0), c1 = c0, c2 = c0, c3 = c0;
  for (; ap < ae; ap += 32, bp += 16) {
    const q = f64x2.splat(<f64>load<f32>(bp));
    c0 = exactly(c0, q, widened(ap)); c1 = exactly(c1, q, widened(ap + 8));
    c2 = exactly(c2, q, widened(ap + 16)); c3 = exactly(c3, q, widened(ap + 24));
  }
  storeRow(to, c0, c1, c2, c3);
}

/** 4 x 8 sums to SCRATCH_SUMS. `isTiny`: products may lie so low that sums below 2^-126 are not exact in f64. */
export function fusedSums(ap: usize, ae: usize, bp: usize, isTiny: bool): void {
  for (let row: usize = 0; row < 4; row += 2) {
    const to = SCRATCH_SUMS + (row << 5), b = bp + (row << 2);
    if (!isTiny && !v128.any_true(quickRows(ap, ae, b, to))) continue;
    exactRow(ap, ae, b, to);
    exactRow(ap, ae, b + 4, to + 32);
  }
}
