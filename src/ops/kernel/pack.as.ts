// Widens a factor to f32 and lays it out for the tiles: blocks of `width` (8 columns of R, 4 rows of L), in each
// block k by k. NaN becomes canonical; the survey lets low-rank.ts prove that products are exact.
import { canonical, loadHigh, loadLow, loadOne } from "./round.as";
import { SCRATCH_SURVEY } from "./scratch.as";

/** Folds one finished block into the survey and makes its NaN canonical. */
// @ts-ignore: decorator
@inline function survey(p: usize, end: usize): void {
  let bits = v128.load(SCRATCH_SURVEY), high = v128.load(SCRATCH_SURVEY, 16), low = v128.load(SCRATCH_SURVEY, 32);
  for (; p < end; p += 16) {
    const x = canonical(v128.load(p));
    const abs = v128.and(x, i32x4.splat(0x7fffffff));
    v128.store(p, x);
    bits = v128.or(bits, x);
    high = i32x4.max_u(high, abs);
    low = i32x4.min_u(low, i32x4.sub(abs, i32x4.splat(1))); // a zero wraps round and never is the smallest
  }
  v128.store(SCRATCH_SURVEY, bits); v128.store(SCRATCH_SURVEY, high, 16); v128.store(SCRATCH_SURVEY, low, 32);
}

// @ts-ignore: decorator
@inline function transpose4(to: usize, pitch: usize, a: v128, b: v128, c: v128, d: v128): void {
  const ab = v128.shuffle<i32>(a, b, 0, 4, 1, 5), cd = v128.shuffle<i32>(c, d, 0, 4, 1, 5);
  const AB = v128.shuffle<i32>(a, b, 2, 6, 3, 7), CD = v128.shuffle<i32>(c, d, 2, 6, 3, 7);
  v128.store(to, v128.shuffle<i64>(ab, cd, 0, 2)); v128.store(to + pitch, v128.shuffle<i64>(ab, cd, 1, 3));
  to += pitch << 1;
  v128.store(to, v128.shuffle<i64>(AB, CD, 0, 2)); v128.store(to + pitch, v128.shuffle<i64>(AB, CD, 1, 3));
}

/** Strides in bytes; `to` is the place of (k = 0, n = 0), `pitch` the bytes of one whole block. */
function pack<D>(from: usize, ks: u32, ns: u32, kStride: usize, nStride: usize, to: usize, pitch: usize, width: u32): void {
  const step: usize = width << 2, kFull = ks & ~3;
  for (let n: u32 = 0; n < ns; n += width, to += pitch) {
    const live = min(width, ns - n), source = from + n * nStride;
    let k: u32 = 0;
    if (live == width && nStride == sizeof<D>()) {
      let p = source, q = to;
      for (; k < ks; k++, p += kStride, q += step) {
        v128.store(q, loadLow<D>(p));
        if (width == 8) v128.store(q, loadHigh<D>(p), 16);
      }
    } else if (live == width && kStride == sizeof<D>()) {
      for (; k < kFull; k += 4) {
        let p = source + k * sizeof<D>(), q = to + k * step;
        transpose4(q, step, loadLow<D>(p), loadLow<D>(p + nStride), loadLow<D>(p + 2 * nStride), loadLow<D>(p + 3 * nStride));
        if (width == 8) {
          p += nStride << 2;
          transpose4(q + 16, step, loadLow<D>(p), loadLow<D>(p + nStride), loadLow<D>(p + 2 * nStride), loadLow<D>(p + 3 * nStride));
        }
      }
    }
    for (; k < ks; k++) {
      const p = source + k * kStride, q = to + k * step;
      for (let i: u32 = 0; i < width; i++) store<f32>(q + (i << 2), i < live ? loadOne<D>(p + i * nStride) : 0);
    }
    survey(to, to + ks * step);
  }
}

export function packBf16(from: usize, ks: u32, ns: u32, kStride: usize, nStride: usize, to: usize, pitch: usize, width: u32): void {
  pack<u16>(from, ks, ns, kStride, nStride, to, pitch, width);
}
export function packF16(from: usize, ks: u32, ns: u32, kStride: usize, nStride: usize, to: usize, pitch: usize, width: u32): void {
  pack<i16>(from, ks, ns, kStride, nStride, to, pitch, width);
}
export function packF32(from: usize, ks: u32, ns: u32, kStride: usize, nStride: usize, to: usize, pitch: usize, width: u32): void {
  pack<f32>(from, ks, ns, kStride, nStride, to, pitch, width);
}
