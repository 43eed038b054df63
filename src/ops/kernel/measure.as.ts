// Counts over runs of elements: NaN, infinity, and elements whose bits differ.

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
