// W' = round(W + s * (L @ R)) in place, tile by tile: 4 rows x 8 columns, sums over k in order from 0 in f32.
// L is packed [block of 4 rows][k][4], R [panel of 8 columns][k][8]; both f32 with canonical NaN (pack.as.ts),
// so a NaN that reaches the epilogue has no low payload bits that rounding could carry out of.
// More accumulators than eight, or an unrolled k loop, spill in the V8 of Node 20 and lose a third of the speed.
import { bf16FromF32, canonical, halves, loadHigh, loadLow, rounded } from "./round.as";
import { SCRATCH_SUMS, SCRATCH_TILE } from "./scratch.as";

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

function finishTile<D, Twice>(wp: usize, stride: usize, sv: v128): v128 {
  let same = i32x4.splat(0), c = SCRATCH_SUMS;
  for (let row = 0; row < 4; row++, wp += stride, c += 32) {
    const one = finishRow<D, Twice>(wp, v128.load(c), v128.load(c, 16), sv);
    same = isFloat<D>() ? i32x4.add(same, one) : i16x8.add(same, one);
  }
  return same;
}

// @ts-ignore: decorator
@inline function tile<D, Twice>(wp: usize, stride: usize, ap: usize, ae: usize, bp: usize, sv: v128): v128 {
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
  const s0 = finishRow<D, Twice>(wp, c00, c01, sv), s1 = finishRow<D, Twice>(wp + stride, c10, c11, sv);
  wp += stride << 1;
  const s2 = finishRow<D, Twice>(wp, c20, c21, sv), s3 = finishRow<D, Twice>(wp + stride, c30, c31, sv);
  return isFloat<D>() ? i32x4.add(i32x4.add(s0, s1), i32x4.add(s2, s3)) : i16x8.add(i16x8.add(s0, s1), i16x8.add(s2, s3));
}

/** A tile with fewer than 4 rows or 8 columns: done on a copy, so that nothing beside the matrix is touched. */
function edge<D, Twice>(wp: usize, stride: usize, rows: u32, cols: u32, ap: usize, ae: usize, bp: usize, sv: v128): u32 {
  const bytes: usize = cols * sizeof<D>(), pitch: usize = 8 * sizeof<D>();
  memory.fill(SCRATCH_TILE, 0, 128);
  for (let row: u32 = 0; row < rows; row++) memory.copy(SCRATCH_TILE + row * pitch, wp + row * stride, bytes);
  tile<D, Twice>(SCRATCH_TILE, pitch, ap, ae, bp, sv);
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
function merge<D, Twice>(w: usize, stride: usize, rows: u32, cols: u32, right: usize, left: usize, r: u32, s: f32, block: u32): u32 {
  const sv = f32x4.splat(s), panels = cols >> 3, aPitch: usize = r << 5, bPitch: usize = r << 4;
  const fullRows = rows & ~3, tailRows = rows & 3, tailCols = cols & 7;
  let changed: u32 = panels * 8 * fullRows;
  for (let jc: u32 = 0; jc < panels; jc += block) {
    const je = min(jc + block, panels);
    let bp = left;
    for (let i: u32 = 0; i < fullRows; i += 4, bp += bPitch) {
      let wp = w + i * stride + jc * (8 * sizeof<D>()), ap = right + jc * aPitch, same = i32x4.splat(0);
      for (let j = jc; j < je; j++, wp += 8 * sizeof<D>(), ap += aPitch) {
        const one = tile<D, Twice>(wp, stride, ap, ap + aPitch, bp, sv);
        same = isFloat<D>() ? i32x4.add(same, one) : i16x8.add(same, one);
      }
      changed += sumLanes<D>(same);
    }
    if (tailRows) {
      let wp = w + fullRows * stride + jc * (8 * sizeof<D>()), ap = right + jc * aPitch;
      for (let j = jc; j < je; j++, wp += 8 * sizeof<D>(), ap += aPitch) changed += edge<D, Twice>(wp, stride, tailRows, 8, ap, ap + aPitch, bp, sv);
    }
  }
  if (tailCols) {
    let wp = w + panels * (8 * sizeof<D>()), bp = left;
    const ap = right + panels * aPitch;
    for (let i: u32 = 0; i < rows; i += 4, wp += stride << 2, bp += bPitch) changed += edge<D, Twice>(wp, stride, min<u32>(4, rows - i), tailCols, ap, ap + aPitch, bp, sv);
  }
  return changed;
}

export function mergeBf16(w: usize, stride: usize, rows: u32, cols: u32, right: usize, left: usize, r: u32, s: f32, block: u32): u32 {
  return merge<u16, u8>(w, stride, rows, cols, right, left, r, s, block);
}
export function mergeF16(w: usize, stride: usize, rows: u32, cols: u32, right: usize, left: usize, r: u32, s: f32, block: u32): u32 {
  return merge<i16, u8>(w, stride, rows, cols, right, left, r, s, block);
}
export function mergeF32(w: usize, stride: usize, rows: u32, cols: u32, right: usize, left: usize, r: u32, s: f32, block: u32): u32 {
  return merge<f32, u8>(w, stride, rows, cols, right, left, r, s, block);
}
export function mergeBf16Twice(w: usize, stride: usize, rows: u32, cols: u32, right: usize, left: usize, r: u32, s: f32, block: u32): u32 {
  return merge<u16, i8>(w, stride, rows, cols, right, left, r, s, block);
}
export function mergeF16Twice(w: usize, stride: usize, rows: u32, cols: u32, right: usize, left: usize, r: u32, s: f32, block: u32): u32 {
  return merge<i16, i8>(w, stride, rows, cols, right, left, r, s, block);
}
