// Counts over runs of elements: NaN, infinity, elements whose bits differ; and how far two runs lie apart.
import { loadHigh, loadLow } from "./round.as";
import { SCRATCH_RESULT, SCRATCH_TILE } from "./scratch.as";

/** NaN in the low half of the result, infinities in the high half. `inf`: the bits of infinity, BF16 or F16. */
export function scan16(at: usize, count: u32, inf: u32): u64 {
  let nan: u64 = 0, infinite: u64 = 0;
  const end = at + (count << 1), iv = i16x8.splat(<i16>inf), mask = i16x8.splat(0x7fff);
  while (at + 16 <= end) {
    // 16-bit lanes of the counters hold 30000 rounds.
    const stop = min(end - 15, at + 16 * 30000);
    let n = i16x8.splat(0), f = n;
    for (; at < stop; at += 16) {
      const x = v128.and(v128.load(at), mask);
      n = i16x8.sub(n, i16x8.gt_s(x, iv));
      f = i16x8.sub(f, i16x8.eq(x, iv));
    }
    nan += lanes(n); infinite += lanes(f);
  }
  for (; at < end; at += 2) {
    const x = <u32>load<u16>(at) & 0x7fff;
    nan += u64(x > inf); infinite += u64(x == inf);
  }
  return nan | (infinite << 32);
}

// @ts-ignore: decorator
@inline function lanes(x: v128): u64 {
  const v = i32x4.extadd_pairwise_i16x8_u(x);
  return i32x4.extract_lane(v, 0) + i32x4.extract_lane(v, 1) + i32x4.extract_lane(v, 2) + i32x4.extract_lane(v, 3);
}

export function scan32(at: usize, count: u32): u64 {
  let nan: u64 = 0, infinite: u64 = 0;
  for (const end = at + (count << 2); at < end; at += 4) {
    const x = load<u32>(at) & 0x7fffffff;
    nan += u64(x > 0x7f800000); infinite += u64(x == 0x7f800000);
  }
  return nan | (infinite << 32);
}

function differ<T>(a: usize, b: usize, count: u32): u32 {
  let n: u32 = 0, i: u32 = 0;
  const step: u32 = 16 / sizeof<T>();
  for (; i + step <= count; i += step, a += 16, b += 16) {
    if (!v128.any_true(v128.xor(v128.load(a), v128.load(b)))) continue;
    for (let j: usize = 0; j < 16; j += sizeof<T>()) n += u32(load<T>(a + j) != load<T>(b + j));
  }
  for (; i < count; i++, a += sizeof<T>(), b += sizeof<T>()) n += u32(load<T>(a) != load<T>(b));
  return n;
}

export function different(bytes: u32, a: usize, b: usize, count: u32): u32 {
  if (bytes == 1) return differ<u8>(a, b, count);
  if (bytes == 2) return differ<u16>(a, b, count);
  return bytes == 4 ? differ<u32>(a, b, count) : differ<u64>(a, b, count);
}

/**
 * How far apart two runs of one type lie: f64 lanes of the largest |a - b|, then sums of (a - b)^2, a^2 and b^2, in
 * SCRATCH_RESULT. A NaN in either run makes all but the other run's sum of squares NaN.
 */
// @ts-ignore: decorator
@inline function apart<D>(a: usize, b: usize, count: u32): void {
  let top = f64x2.splat(0), dd = top, aa = top, bb = top;
  for (let i: u32 = 0; i < count; i += 8, a += 8 * sizeof<D>(), b += 8 * sizeof<D>()) {
    if (count - i < 8) {
      // The tail goes by a copy in scratch that is padded with zeros on both sides.
      const tail = <usize>(count - i) * sizeof<D>();
      memory.fill(SCRATCH_TILE, 0, 64);
      memory.copy(SCRATCH_TILE, a, tail); memory.copy(SCRATCH_TILE + 32, b, tail);
      a = SCRATCH_TILE; b = SCRATCH_TILE + 32;
    }
    let p = loadLow<D>(a), q = loadLow<D>(b);
    for (let half = 0; half < 2; half++) {
      for (let pair = 0; pair < 2; pair++) {
        const x = f64x2.promote_low_f32x4(p), y = f64x2.promote_low_f32x4(q);
        // Equal infinities do not differ, though their difference is NaN.
        const d = v128.andnot(f64x2.sub(x, y), f64x2.eq(x, y));
        top = f64x2.max(top, f64x2.abs(d));
        dd = f64x2.add(dd, f64x2.mul(d, d)); aa = f64x2.add(aa, f64x2.mul(x, x)); bb = f64x2.add(bb, f64x2.mul(y, y));
        p = v128.shuffle<i64>(p, p, 1, 0); q = v128.shuffle<i64>(q, q, 1, 0);
      }
      p = loadHigh<D>(a); q = loadHigh<D>(b);
    }
  }
  v128.store(SCRATCH_RESULT, top); v128.store(SCRATCH_RESULT, dd, 16); v128.store(SCRATCH_RESULT, aa, 32); v128.store(SCRATCH_RESULT, bb, 48);
}

export function apartBf16(a: usize, b: usize, count: u32): void { apart<u16>(a, b, count); }
export function apartF16(a: usize, b: usize, count: u32): void { apart<i16>(a, b, count); }
export function apartF32(a: usize, b: usize, count: u32): void { apart<f32>(a, b, count); }
