// W' = round(W + s * (L @ R)) in place, tile by tile: 4 rows x 8 columns, sums over k in order from 0 in f32.
// L is packed [block of 4 rows][k][4], R [panel of 8 columns][k][8]; both f32 with canonical NaN (pack.as.ts),
// so a NaN that reaches the epilogue has no low payload bits that rounding could carry out of.
// More accumulators than eight, or an unrolled k loop, spill in the V8 of Node 20 and lose a third of the speed.
import { canonical, halves, loadHigh, loadLow, rounded } from "./round.as";
import { SCRATCH_TILE } from "./scratch.as";

/** One row of 8: returns eight 16-bit lanes (halves) or four 32-bit lanes (F32, both vectors added) of -1 = equal. */
// @ts-ignore: decorator
@inline function finishRow<D, Twice>(p: usize, c0: v128, c1: v128, sv: v128): v128 {
  let x = f32x4.mul(c0, sv), y = f32x4.mul(c1, sv);
  if (isSigned<Twice>()) { x = rounded<D>(x); y = rounded<D>(y); }
  x = f32x4.add(loadLow<D>(p), x); y = f32x4.add(loadHigh<D>(p), y);
  if (isFloat<D>()) {
    x = canonical(x); y = canonical(y);
    const same = i32x4.add(i32x4.eq(x, v128.load(p)), i32x4.eq(y, v128.load(p, 16)));
    v128.store(p, x); v128.store(p, y, 16);
    return same;
  }
  const packed = halves<D>(x, y);
  const same = i16x8.eq(packed, v128.load(p));
  v128.store(p, packed);
  return same;
}

/** Columns 0 to 3 and 4 to 7 of a row of BF16 as f32: interleaved with zeros, one instruction less than widening. */
// @ts-ignore: decorator
@inline function low(w: v128): v128 { return v128.shuffle<i16>(i32x4.splat(0), w, 0, 8, 1, 9, 2, 10, 3, 11); }
// @ts-ignore: decorator
@inline function high(w: v128): v128 { return v128.shuffle<i16>(i32x4.splat(0), w, 4, 12, 5, 13, 6, 14, 7, 15); }
/** W + s * D, plus half a unit of BF16: the upper half of each lane is then the result, but for ties and NaN. */
// @ts-ignore: decorator
@inline function lifted(w: v128, c: v128, sv: v128): v128 { return i32x4.add(f32x4.add(w, f32x4.mul(c, sv)), i32x4.splat(0x8000)); }
// @ts-ignore: decorator
@inline function upper(x: v128, y: v128): v128 { return i16x8.narrow_i32x4_u(i32x4.shr_u(x, 16), i32x4.shr_u(y, 16)); }

/** Does a tile again with the careful epilogue, from the copy of W that finishBf16 left. */
function redoBf16(wp: usize, stride: usize, ap: usize, ae: usize, bp: usize, sv: v128): v128 {
  const same = tile<u16, u8, u8>(SCRATCH_TILE, 16, ap, ae, bp, sv, true);
  for (let row: usize = 0; row < 4; row++) v128.store(wp + row * stride, v128.load(SCRATCH_TILE + row * 16));
  return same;
}

/**
 * The epilogue that a BF16 merge spends its time in. A tie (lower half 0 after lifting) or a NaN is looked for once
 * a tile; such a tile, about one of 2000, is done again. Rows are stored one by one, which keeps V8 from mixing them and
 * running out of registers.
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
  if (v128.any_true(v128.or(tied, i16x8.sub_sat_u(top, i16x8.splat(<i16>0xff00))))) return redoBf16(p0, stride, ap, ae, bp, sv);
  return same;
}

/**
 * Lanes where the f64 sum of an exact product and an f32 may not be rounded to f32 again: midpoints of f32, and sums
 * below 2^-126, whose midpoints lie elsewhere. Zero is exact.
 */
// @ts-ignore: decorator
@inline function doubtful(s: v128): v128 {
  const middle = i64x2.eq(v128.and(s, i64x2.splat(0x1fffffff)), i64x2.splat(0x10000000));
  const small = v128.and(f64x2.lt(f64x2.abs(s), f64x2.splat(1.1754943508222875e-38)), f64x2.ne(s, f64x2.splat(0)));
  return v128.or(middle, small);
}

/** Rounds the exact p + d to odd in f64 first; rounding that to f32 is then rounding once. */
function odd(p: f64, d: f64, s: f64): f64 {
  const b = s - p, e = (p - (s - b)) + (d - b);
  if (e == 0 || e != e) return s;
  const bits = reinterpret<i64>(s);
  if (bits & 1) return s;
  return reinterpret<f64>((e > 0) == (s > 0) ? bits + 1 : bits - 1);
}

function exact2(p: v128, d: v128, s: v128): v128 {
  const x = odd(f64x2.extract_lane(p, 0), f64x2.extract_lane(d, 0), f64x2.extract_lane(s, 0));
  const y = odd(f64x2.extract_lane(p, 1), f64x2.extract_lane(d, 1), f64x2.extract_lane(s, 1));
  return f32x4.demote_f64x2_zero(f64x2.replace_lane(f64x2.splat(x), 1, y));
}

// @ts-ignore: decorator
@inline function swapped(x: v128): v128 { return v128.shuffle<i64>(x, x, 1, 0); }
// @ts-ignore: decorator
@inline function product(a: v128, q: v128): v128 { return f64x2.mul(q, f64x2.promote_low_f32x4(a)); }
// @ts-ignore: decorator
@inline function both(low: v128, high: v128): v128 { return v128.shuffle<i64>(low, high, 0, 2); }

/** Four sums the exact way. */
function exact4(c: v128, a: v128, q: v128): v128 {
  const p0 = product(a, q), d0 = f64x2.promote_low_f32x4(c), p1 = product(swapped(a), q), d1 = f64x2.promote_low_f32x4(swapped(c));
  return both(exact2(p0, d0, f64x2.add(p0, d0)), exact2(p1, d1, f64x2.add(p1, d1)));
}

/** As tile, with the sum over k fused; one row at a time. */
function fusedTile<D, Twice>(wp: usize, stride: usize, ap: usize, ae: usize, bp: usize, sv: v128): v128 {
  let same = i32x4.splat(0);
  for (let row: usize = 0; row < 4; row++) {
    let c0 = f32x4.splat(0), c1 = c0, b = bp + (row << 2);
    for (let a = ap; a < ae; a += 32, b += 16) {
      const q = f64x2.splat(<f64>load<f32>(b));
      const a0 = v128.load(a), a1 = v128.load(a, 16);
      const s0 = f64x2.add(product(a0, q), f64x2.promote_low_f32x4(c0));
      const s1 = f64x2.add(product(swapped(a0), q), f64x2.promote_low_f32x4(swapped(c0)));
      const s2 = f64x2.add(product(a1, q), f64x2.promote_low_f32x4(c1));
      const s3 = f64x2.add(product(swapped(a1), q), f64x2.promote_low_f32x4(swapped(c1)));
      if (v128.any_true(v128.or(v128.or(doubtful(s0), doubtful(s1)), v128.or(doubtful(s2), doubtful(s3))))) {
        c0 = exact4(c0, a0, q);
        c1 = exact4(c1, a1, q);
        continue;
      }
      c0 = both(f32x4.demote_f64x2_zero(s0), f32x4.demote_f64x2_zero(s1));
      c1 = both(f32x4.demote_f64x2_zero(s2), f32x4.demote_f64x2_zero(s3));
    }
    const one = finishRow<D, Twice>(wp + row * stride, c0, c1, sv);
    same = isFloat<D>() ? i32x4.add(same, one) : i16x8.add(same, one);
  }
  return same;
}

// @ts-ignore: decorator
@inline function tile<D, Twice, Fused>(wp: usize, stride: usize, ap: usize, ae: usize, bp: usize, sv: v128, careful: bool): v128 {
  if (isSigned<Fused>()) return fusedTile<D, Twice>(wp, stride, ap, ae, bp, sv);
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
  if (!careful && !isFloat<D>() && !isSigned<D>() && !isSigned<Twice>()) return finishBf16(wp, stride, ap0, ae, bp0, c00, c01, c10, c11, c20, c21, c30, c31, sv);
  const s0 = finishRow<D, Twice>(wp, c00, c01, sv), s1 = finishRow<D, Twice>(wp + stride, c10, c11, sv);
  wp += stride << 1;
  const s2 = finishRow<D, Twice>(wp, c20, c21, sv), s3 = finishRow<D, Twice>(wp + stride, c30, c31, sv);
  return isFloat<D>() ? i32x4.add(i32x4.add(s0, s1), i32x4.add(s2, s3)) : i16x8.add(i16x8.add(s0, s1), i16x8.add(s2, s3));
}

/** A tile with fewer than 4 rows or 8 columns: done on a copy, so that nothing beside the matrix is touched. */
function edge<D, Twice, Fused>(wp: usize, stride: usize, rows: u32, cols: u32, ap: usize, ae: usize, bp: usize, sv: v128): u32 {
  const bytes: usize = cols * sizeof<D>(), pitch: usize = 8 * sizeof<D>();
  memory.fill(SCRATCH_TILE, 0, 128);
  for (let row: u32 = 0; row < rows; row++) memory.copy(SCRATCH_TILE + row * pitch, wp + row * stride, bytes);
  tile<D, Twice, Fused>(SCRATCH_TILE, pitch, ap, ae, bp, sv, true);
  let changed: u32 = 0;
  for (let row: u32 = 0; row < rows; row++) {
    const from = SCRATCH_TILE + row * pitch, to = wp + row * stride;
    for (let col: u32 = 0; col < cols; col++) {
      const at: usize = col * sizeof<D>();
      if (sizeof<D>() == 4) changed += u32(load<u32>(from + at) != load<u32>(to + at));
      else changed += u32(load<u16>(from + at) != load<u16>(to + at));
    }
    memory.copy(to, from, bytes);
  }
  return changed;
}

// @ts-ignore: decorator
@inline function sumLanes<D>(same: v128): i32 {
  const v = isFloat<D>() ? same : i32x4.extadd_pairwise_i16x8_s(same);
  return i32x4.extract_lane(v, 0) + i32x4.extract_lane(v, 1) + i32x4.extract_lane(v, 2) + i32x4.extract_lane(v, 3);
}

/** Returns how many elements changed bits. `block`: panels of R that stay in cache while L streams; <= 4096. */
function merge<D, Twice, Fused>(w: usize, stride: usize, rows: u32, cols: u32, right: usize, left: usize, r: u32, s: f32, block: u32): u32 {
  const sv = f32x4.splat(s), panels = cols >> 3, aPitch: usize = r << 5, bPitch: usize = r << 4;
  const fullRows = rows & ~3, tailRows = rows & 3, tailCols = cols & 7;
  let changed: u32 = panels * 8 * fullRows;
  for (let jc: u32 = 0; jc < panels; jc += block) {
    const je = min(jc + block, panels);
    let bp = left;
    for (let i: u32 = 0; i < fullRows; i += 4, bp += bPitch) {
      let wp = w + i * stride + jc * (8 * sizeof<D>()), ap = right + jc * aPitch, same = i32x4.splat(0);
      for (let j = jc; j < je; j++, wp += 8 * sizeof<D>(), ap += aPitch) {
        const one = tile<D, Twice, Fused>(wp, stride, ap, ap + aPitch, bp, sv, false);
        same = isFloat<D>() ? i32x4.add(same, one) : i16x8.add(same, one);
      }
      changed += sumLanes<D>(same);
    }
    if (tailRows) {
      let wp = w + fullRows * stride + jc * (8 * sizeof<D>()), ap = right + jc * aPitch;
      for (let j = jc; j < je; j++, wp += 8 * sizeof<D>(), ap += aPitch) changed += edge<D, Twice, Fused>(wp, stride, tailRows, 8, ap, ap + aPitch, bp, sv);
    }
  }
  if (tailCols) {
    let wp = w + panels * (8 * sizeof<D>()), bp = left;
    const ap = right + panels * aPitch;
    for (let i: u32 = 0; i < rows; i += 4, wp += stride << 2, bp += bPitch) changed += edge<D, Twice, Fused>(wp, stride, min<u32>(4, rows - i), tailCols, ap, ap + aPitch, bp, sv);
  }
  return changed;
}

export function mergeBf16(w: usize, stride: usize, rows: u32, cols: u32, right: usize, left: usize, r: u32, s: f32, block: u32): u32 {
  return merge<u16, u8, u8>(w, stride, rows, cols, right, left, r, s, block);
}
export function mergeBf16Fused(w: usize, stride: usize, rows: u32, cols: u32, right: usize, left: usize, r: u32, s: f32, block: u32): u32 {
  return merge<u16, u8, i8>(w, stride, rows, cols, right, left, r, s, block);
}
export function mergeF16(w: usize, stride: usize, rows: u32, cols: u32, right: usize, left: usize, r: u32, s: f32, block: u32): u32 {
  return merge<i16, u8, u8>(w, stride, rows, cols, right, left, r, s, block);
}
export function mergeF16Fused(w: usize, stride: usize, rows: u32, cols: u32, right: usize, left: usize, r: u32, s: f32, block: u32): u32 {
  return merge<i16, u8, i8>(w, stride, rows, cols, right, left, r, s, block);
}
export function mergeF32(w: usize, stride: usize, rows: u32, cols: u32, right: usize, left: usize, r: u32, s: f32, block: u32): u32 {
  return merge<f32, u8, u8>(w, stride, rows, cols, right, left, r, s, block);
}
export function mergeF32Fused(w: usize, stride: usize, rows: u32, cols: u32, right: usize, left: usize, r: u32, s: f32, block: u32): u32 {
  return merge<f32, u8, i8>(w, stride, rows, cols, right, left, r, s, block);
}
export function mergeBf16Twice(w: usize, stride: usize, rows: u32, cols: u32, right: usize, left: usize, r: u32, s: f32, block: u32): u32 {
  return merge<u16, i8, u8>(w, stride, rows, cols, right, left, r, s, block);
}
export function mergeBf16TwiceFused(w: usize, stride: usize, rows: u32, cols: u32, right: usize, left: usize, r: u32, s: f32, block: u32): u32 {
  return merge<u16, i8, i8>(w, stride, rows, cols, right, left, r, s, block);
}
export function mergeF16Twice(w: usize, stride: usize, rows: u32, cols: u32, right: usize, left: usize, r: u32, s: f32, block: u32): u32 {
  return merge<i16, i8, u8>(w, stride, rows, cols, right, left, r, s, block);
}
export function mergeF16TwiceFused(w: usize, stride: usize, rows: u32, cols: u32, right: usize, left: usize, r: u32, s: f32, block: u32): u32 {
  return merge<i16, i8, i8>(w, stride, rows, cols, right, left, r, s, block);
}
