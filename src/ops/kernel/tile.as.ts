// One tile of W, 4 rows x 8 columns, on the quick path: once rounded, a rounded product and a rounded sum a step.
// More than eight accumulators, or an unrolled k loop, spill in the V8 of Node 20 and lose a third of the speed.
import { addLanes, finishRow, finishTile } from "./finish.as";
import { SCRATCH_SUMS, SCRATCH_TILE } from "./scratch.as";

/** Returns how many elements kept their bits, negative, in lanes. D = u8 only stores the sums in SCRATCH_SUMS. */
// @ts-ignore: decorator
@inline export function tile<D>(wp: usize, stride: usize, ap: usize, ae: usize, bp: usize, sv: v128): v128 {
  const ap0 = ap, bp0 = bp;
  let c00 = f32x4.splat(0), c01 = c00, c10 = c00, c11 = c00, c20 = c00, c21 = c00, c30 = c00, c31 = c00;
  do {
    const a0 = v128.load(ap), a1 = v128.load(ap, 16);
    let q = v128.load32_splat(bp);
    c00 = f32x4.add(c00, f32x4.mul(q, a0)); c01 = f32x4.add(c01, f32x4.mul(q, a1));
    q = v128.load32_splat(bp, 4);
    c10 = f32x4.add(c10, f32x4.mul(q, a0)); c11 = f32x4.add(c11, f32x4.mul(q, a1));
    q = v128.load32_splat(bp, 8);
    c20 = f32x4.add(c20, f32x4.mul(q, a0)); c21 = f32x4.add(c21, f32x4.mul(q, a1));
    q = v128.load32_splat(bp, 12);
    c30 = f32x4.add(c30, f32x4.mul(q, a0)); c31 = f32x4.add(c31, f32x4.mul(q, a1));
    ap += 32; bp += 16;
  } while (ap < ae);
  if (sizeof<D>() == 1) {
    v128.store(SCRATCH_SUMS, c00); v128.store(SCRATCH_SUMS, c01, 16); v128.store(SCRATCH_SUMS, c10, 32); v128.store(SCRATCH_SUMS, c11, 48);
    v128.store(SCRATCH_SUMS, c20, 64); v128.store(SCRATCH_SUMS, c21, 80); v128.store(SCRATCH_SUMS, c30, 96); v128.store(SCRATCH_SUMS, c31, 112);
    return sv;
  }
  if (!isFloat<D>() && !isSigned<D>()) return finishBf16(wp, stride, ap0, ae, bp0, c00, c01, c10, c11, c20, c21, c30, c31, sv);
  if (isSigned<D>() && !isFloat<D>()) return finishF16(wp, stride, ap0, ae, bp0, c00, c01, c10, c11, c20, c21, c30, c31, sv);
  let same = finishRow<D, u8>(wp, c00, c01, sv);
  wp += stride; same = addLanes<D>(same, finishRow<D, u8>(wp, c10, c11, sv));
  wp += stride; same = addLanes<D>(same, finishRow<D, u8>(wp, c20, c21, sv));
  wp += stride; return addLanes<D>(same, finishRow<D, u8>(wp, c30, c31, sv));
}

/** 4 x 8 sums to SCRATCH_SUMS. */
export function sums(ap: usize, ae: usize, bp: usize): void { tile<u8>(0, 0, ap, ae, bp, i32x4.splat(0)); }

/** Columns 0 to 3 and 4 to 7 of a row of BF16 as f32: interleaved with zeros, one instruction less than widening. */
// @ts-ignore: decorator
@inline function low(w: v128): v128 { return v128.shuffle<i16>(i32x4.splat(0), w, 0, 8, 1, 9, 2, 10, 3, 11); }
// @ts-ignore: decorator
@inline function high(w: v128): v128 { return v128.shuffle<i16>(i32x4.splat(0), w, 4, 12, 5, 13, 6, 14, 7, 15); }
/** W + s * D plus half a unit of BF16: the upper half of each lane is then the result, but for ties and NaN. */
// @ts-ignore: decorator
@inline function lifted(w: v128, c: v128, sv: v128): v128 { return i32x4.add(f32x4.add(w, f32x4.mul(c, sv)), i32x4.splat(0x8000)); }
// @ts-ignore: decorator
@inline function upper(x: v128, y: v128): v128 { return i16x8.narrow_i32x4_u(i32x4.shr_u(x, 16), i32x4.shr_u(y, 16)); }

/**
 * The epilogue that a BF16 merge spends its time in. A tie (lower half 0 after lifting) or a NaN is looked for once
 * a tile; such a tile, about one of 2000, is done again. Rows are stored one by one, which keeps V8 from mixing them and
 * running out of registers; a copy of W is left for doing it again.
 */
// @ts-ignore: decorator
@inline function finishBf16(p0: usize, stride: usize, ap: usize, ae: usize, bp: usize, c00: v128, c01: v128, c10: v128, c11: v128, c20: v128, c21: v128, c30: v128, c31: v128, sv: v128): v128 {
  let p = p0, w = v128.load(p);
  v128.store(SCRATCH_TILE, w);
  let x = lifted(low(w), c00, sv), y = lifted(high(w), c01, sv), n = upper(x, y);
  v128.store(p, n);
  let same = i16x8.eq(n, w), ties = i16x8.min_u(x, y), top = i16x8.shl(n, 1);
  p += stride; w = v128.load(p);
  v128.store(SCRATCH_TILE, w, 16);
  x = lifted(low(w), c10, sv); y = lifted(high(w), c11, sv); n = upper(x, y);
  v128.store(p, n);
  same = i16x8.add(same, i16x8.eq(n, w)); ties = i16x8.min_u(ties, i16x8.min_u(x, y)); top = i16x8.max_u(top, i16x8.shl(n, 1));
  p += stride; w = v128.load(p);
  v128.store(SCRATCH_TILE, w, 32);
  x = lifted(low(w), c20, sv); y = lifted(high(w), c21, sv); n = upper(x, y);
  v128.store(p, n);
  same = i16x8.add(same, i16x8.eq(n, w)); ties = i16x8.min_u(ties, i16x8.min_u(x, y)); top = i16x8.max_u(top, i16x8.shl(n, 1));
  p += stride; w = v128.load(p);
  v128.store(SCRATCH_TILE, w, 48);
  x = lifted(low(w), c30, sv); y = lifted(high(w), c31, sv); n = upper(x, y);
  v128.store(p, n);
  same = i16x8.add(same, i16x8.eq(n, w)); ties = i16x8.min_u(ties, i16x8.min_u(x, y)); top = i16x8.max_u(top, i16x8.shl(n, 1));
  const tied = i32x4.eq(i32x4.shl(ties, 16), i32x4.splat(0));
  if (v128.any_true(v128.or(tied, i16x8.sub_sat_u(top, i16x8.splat(<i16>0xff00))))) return redo<u16>(p0, stride, ap, ae, bp, sv);
  return same;
}

/** Half to f32 and back by one multiplication each: exponents differ by 112. Infinity and NaN come out wrong. */
// @ts-ignore: decorator
@inline function f32OfHalf(shifted: v128): v128 {
  return f32x4.mul(v128.and(i32x4.shr_s(shifted, 3), i32x4.splat(0x8fffffff)), f32x4.splat(<f32>5.192296858534828e33));
}
// @ts-ignore: decorator
@inline function summed16(shifted: v128, c: v128, sv: v128): v128 { return f32x4.add(f32OfHalf(shifted), f32x4.mul(c, sv)); }
/** The magnitude in units of 2^-13 of the half's last place, plus half a place. Subnormal halves are subnormal f32 here. */
// @ts-ignore: decorator
@inline function lifted16(x: v128): v128 {
  return i32x4.add(v128.and(f32x4.mul(x, f32x4.splat(<f32>1.925929944387236e-34)), i32x4.splat(0x7fffffff)), i32x4.splat(0x1000));
}
// @ts-ignore: decorator
@inline function magnitude16(tx: v128, ty: v128): v128 { return i16x8.narrow_i32x4_u(i32x4.shr_u(tx, 13), i32x4.shr_u(ty, 13)); }
// @ts-ignore: decorator
@inline function sign16(x: v128, y: v128): v128 { return v128.and(v128.shuffle<i16>(x, y, 1, 3, 5, 7, 9, 11, 13, 15), i16x8.splat(<i16>0x8000)); }
/** Zero lanes where the dropped 13 bits say tie; scaling a subnormal may have rounded onto one, never off one. */
// @ts-ignore: decorator
@inline function ties16(tx: v128, ty: v128): v128 { return i32x4.min_u(i32x4.shl(tx, 19), i32x4.shl(ty, 19)); }

/** As finishBf16: ties, infinity and NaN, in W or in the result, are done again by the careful epilogue. */
// @ts-ignore: decorator
@inline function finishF16(p0: usize, stride: usize, ap: usize, ae: usize, bp: usize, c00: v128, c01: v128, c10: v128, c11: v128, c20: v128, c21: v128, c30: v128, c31: v128, sv: v128): v128 {
  let p = p0, w = v128.load(p);
  v128.store(SCRATCH_TILE, w);
  let x = summed16(low(w), c00, sv), y = summed16(high(w), c01, sv), tx = lifted16(x), ty = lifted16(y), m = magnitude16(tx, ty), n = v128.or(m, sign16(x, y));
  v128.store(p, n);
  let same = i16x8.eq(n, w), ties = ties16(tx, ty), top = i16x8.max_u(v128.and(w, i16x8.splat(0x7fff)), m);
  p += stride; w = v128.load(p);
  v128.store(SCRATCH_TILE, w, 16);
  x = summed16(low(w), c10, sv); y = summed16(high(w), c11, sv); tx = lifted16(x); ty = lifted16(y); m = magnitude16(tx, ty); n = v128.or(m, sign16(x, y));
  v128.store(p, n);
  same = i16x8.add(same, i16x8.eq(n, w)); ties = i32x4.min_u(ties, ties16(tx, ty)); top = i16x8.max_u(top, i16x8.max_u(v128.and(w, i16x8.splat(0x7fff)), m));
  p += stride; w = v128.load(p);
  v128.store(SCRATCH_TILE, w, 32);
  x = summed16(low(w), c20, sv); y = summed16(high(w), c21, sv); tx = lifted16(x); ty = lifted16(y); m = magnitude16(tx, ty); n = v128.or(m, sign16(x, y));
  v128.store(p, n);
  same = i16x8.add(same, i16x8.eq(n, w)); ties = i32x4.min_u(ties, ties16(tx, ty)); top = i16x8.max_u(top, i16x8.max_u(v128.and(w, i16x8.splat(0x7fff)), m));
  p += stride; w = v128.load(p);
  v128.store(SCRATCH_TILE, w, 48);
  x = summed16(low(w), c30, sv); y = summed16(high(w), c31, sv); tx = lifted16(x); ty = lifted16(y); m = magnitude16(tx, ty); n = v128.or(m, sign16(x, y));
  v128.store(p, n);
  same = i16x8.add(same, i16x8.eq(n, w)); ties = i32x4.min_u(ties, ties16(tx, ty)); top = i16x8.max_u(top, i16x8.max_u(v128.and(w, i16x8.splat(0x7fff)), m));
  const tied = i32x4.eq(ties, i32x4.splat(0));
  if (v128.any_true(v128.or(tied, i16x8.sub_sat_u(top, i16x8.splat(0x7bff))))) return redo<i16>(p0, stride, ap, ae, bp, sv);
  return same;
}

function redo<D>(wp: usize, stride: usize, ap: usize, ae: usize, bp: usize, sv: v128): v128 {
  sums(ap, ae, bp);
  const same = finishTile<D, u8>(SCRATCH_TILE, 16, sv);
  for (let row: usize = 0; row < 4; row++) v128.store(wp + row * stride, v128.load(SCRATCH_TILE + row * 16));
  return same;
}
