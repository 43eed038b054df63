// The careful epilogue: W + s * D of sums that lie in scratch, rounded, counted, stored. Type tags as in round.as.ts;
// Twice is i8 where the delta is rounded to W's type before it is added, u8 where it is not.
import { canonical, halves, loadHigh, loadLow, rounded } from "./round.as";
import { SCRATCH_SUMS } from "./scratch.as";

/** What a tile is made of; low-rank.ts knows these numbers. */
export const F16: u32 = 1;
export const F32: u32 = 2;
export const TWICE: u32 = 4;
export const FUSED: u32 = 8;
export const TINY: u32 = 16;

/** Eight elements of a row: returns how many kept their bits, negative, in lanes (16-bit; 32-bit for F32). */
// @ts-ignore: decorator
@inline export function finishRow<D, Twice>(p: usize, c0: v128, c1: v128, sv: v128): v128 {
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

// @ts-ignore: decorator
@inline export function addLanes<D>(x: v128, y: v128): v128 { return isFloat<D>() ? i32x4.add(x, y) : i16x8.add(x, y); }

// @ts-ignore: decorator
@inline export function sumLanes<D>(same: v128): i32 {
  const v = isFloat<D>() ? same : i32x4.extadd_pairwise_i16x8_s(same);
  return i32x4.extract_lane(v, 0) + i32x4.extract_lane(v, 1) + i32x4.extract_lane(v, 2) + i32x4.extract_lane(v, 3);
}

/** Four rows from SCRATCH_SUMS; lanes as finishRow. */
export function finishTile<D, Twice>(wp: usize, stride: usize, sv: v128): v128 {
  let same = i32x4.splat(0);
  for (let c = SCRATCH_SUMS; c < SCRATCH_SUMS + 128; c += 32, wp += stride) {
    same = addLanes<D>(same, finishRow<D, Twice>(wp, v128.load(c), v128.load(c, 16), sv));
  }
  return same;
}

/** As finishTile, by number; returns minus how many elements kept their bits. */
export function finish(kind: u32, wp: usize, stride: usize, sv: v128): i32 {
  if (kind & F32) return sumLanes<f32>(finishTile<f32, u8>(wp, stride, sv)); // a delta in f32 is rounded already
  if (kind & F16) return sumLanes<i16>(kind & TWICE ? finishTile<i16, i8>(wp, stride, sv) : finishTile<i16, u8>(wp, stride, sv));
  return sumLanes<u16>(kind & TWICE ? finishTile<u16, i8>(wp, stride, sv) : finishTile<u16, u8>(wp, stride, sv));
}
