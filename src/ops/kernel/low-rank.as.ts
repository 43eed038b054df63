// W' = round(W + s * (L @ R)) in place, tile by tile, sums over k in order from 0 in f32.
// L is packed [block of 4 rows][k][4], R [panel of 8 columns][k][8]; both f32 with canonical NaN (pack.as.ts),
// so a NaN that reaches an epilogue has no low payload bits that rounding could carry out of.
import { addLanes, F16, F32, finish, FUSED, sumLanes, TINY } from "./finish.as";
import { fusedSums } from "./fused.as";
import { SCRATCH_TILE } from "./scratch.as";
import { sums, tile } from "./tile.as";

/** Whole tiles of columns jc to je and all whole blocks of rows, on the quick path of one type; minus the unchanged. */
// @ts-ignore: decorator
@inline function quick<D>(w: usize, stride: usize, rows: u32, jc: u32, je: u32, right: usize, left: usize, r: u32, sv: v128): u32 {
  const aPitch: usize = r << 5;
  let bp = left, changed: u32 = 0;
  for (let i: u32 = 0; i < rows; i += 4, bp += r << 4) {
    let wp = w + i * stride + jc * (8 * sizeof<D>()), ap = right + jc * aPitch, same = i32x4.splat(0);
    for (let j = jc; j < je; j++, wp += 8 * sizeof<D>(), ap += aPitch) same = addLanes<D>(same, tile<D>(wp, stride, ap, ap + aPitch, bp, sv));
    changed += sumLanes<D>(same);
  }
  return changed;
}

function quickBf16(w: usize, stride: usize, rows: u32, jc: u32, je: u32, right: usize, left: usize, r: u32, sv: v128): u32 {
  return quick<u16>(w, stride, rows, jc, je, right, left, r, sv);
}
function quickF16(w: usize, stride: usize, rows: u32, jc: u32, je: u32, right: usize, left: usize, r: u32, sv: v128): u32 {
  return quick<i16>(w, stride, rows, jc, je, right, left, r, sv);
}
function quickF32(w: usize, stride: usize, rows: u32, jc: u32, je: u32, right: usize, left: usize, r: u32, sv: v128): u32 {
  return quick<f32>(w, stride, rows, jc, je, right, left, r, sv);
}

/** A whole tile of any kind. */
function anyTile(kind: u32, wp: usize, stride: usize, ap: usize, ae: usize, bp: usize, sv: v128): i32 {
  if (kind & FUSED) fusedSums(ap, ae, bp, (kind & TINY) != 0);
  else sums(ap, ae, bp);
  return finish(kind, wp, stride, sv);
}

function anyTiles(kind: u32, w: usize, stride: usize, rows: u32, jc: u32, je: u32, right: usize, left: usize, r: u32, sv: v128): u32 {
  const aPitch: usize = r << 5, step: u32 = kind & F32 ? 32 : 16;
  let bp = left, changed: u32 = 0;
  for (let i: u32 = 0; i < rows; i += 4, bp += r << 4) {
    let wp = w + i * stride + jc * step, ap = right + jc * aPitch;
    for (let j = jc; j < je; j++, wp += step, ap += aPitch) changed += anyTile(kind, wp, stride, ap, ap + aPitch, bp, sv);
  }
  return changed;
}

/** A tile with fewer than 4 rows or 8 columns: done on a copy, so that nothing beside the matrix is touched. */
function edge(kind: u32, wp: usize, stride: usize, rows: u32, cols: u32, ap: usize, ae: usize, bp: usize, sv: v128): u32 {
  const width: u32 = kind & F32 ? 4 : 2, pitch: usize = width << 3, bytes: usize = cols * width;
  memory.fill(SCRATCH_TILE, 0, 128);
  for (let row: u32 = 0; row < rows; row++) memory.copy(SCRATCH_TILE + row * pitch, wp + row * stride, bytes);
  anyTile(kind, SCRATCH_TILE, pitch, ap, ae, bp, sv);
  let changed: u32 = 0;
  for (let row: u32 = 0; row < rows; row++) {
    const from = SCRATCH_TILE + row * pitch, to = wp + row * stride;
    for (let at: usize = 0; at < bytes; at += width) {
      changed += u32(width == 4 ? load<u32>(from + at) != load<u32>(to + at) : load<u16>(from + at) != load<u16>(to + at));
    }
    memory.copy(to, from, bytes);
  }
  return changed;
}

/**
 * Returns how many elements changed bits. `kind`: see finish.as.ts. `block`: panels of R that stay in cache while L
 * streams; at most 4096, because 16-bit lanes count up to four a panel.
 */
export function merge(kind: u32, w: usize, stride: usize, rows: u32, cols: u32, right: usize, left: usize, r: u32, s: f32, block: u32): u32 {
  const sv = f32x4.splat(s), panels = cols >> 3, aPitch: usize = r << 5, bPitch: usize = r << 4, step: u32 = kind & F32 ? 32 : 16;
  const whole = rows & ~3, tailRows = rows & 3, tailCols = cols & 7;
  let changed: u32 = panels * 8 * whole;
  for (let jc: u32 = 0; jc < panels; jc += block) {
    const je = min(jc + block, panels);
    if (kind == 0) changed += quickBf16(w, stride, whole, jc, je, right, left, r, sv);
    else if (kind == F16) changed += quickF16(w, stride, whole, jc, je, right, left, r, sv);
    else if (kind == F32) changed += quickF32(w, stride, whole, jc, je, right, left, r, sv);
    else changed += anyTiles(kind, w, stride, whole, jc, je, right, left, r, sv);
  }
  if (tailRows) {
    const bp = left + (whole >> 2) * bPitch;
    let wp = w + whole * stride, ap = right;
    for (let j: u32 = 0; j < panels; j++, wp += step, ap += aPitch) changed += edge(kind, wp, stride, tailRows, 8, ap, ap + aPitch, bp, sv);
  }
  if (tailCols) {
    let wp = w + panels * step, bp = left;
    const ap = right + panels * aPitch;
    for (let i: u32 = 0; i < rows; i += 4, wp += stride << 2, bp += bPitch) changed += edge(kind, wp, stride, min<u32>(4, rows - i), tailCols, ap, ap + aPitch, bp, sv);
  }
  return changed;
}
