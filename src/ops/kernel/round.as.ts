// Conversions between f32 and the stored types, four or eight lanes at a time. Type tags: u16 = BF16, i16 = F16,
// f32 = F32; AssemblyScript resolves isFloat<D>() and isSigned<D>() while compiling, so no branch remains.

/** f32 -> BF16 in the low half of each lane: half to even; every NaN becomes 0x7fc0. */
// @ts-ignore: decorator
@inline export function bf16FromF32(x: v128): v128 {
  const odd = v128.and(i32x4.shr_u(x, 16), i32x4.splat(1));
  const y = i32x4.shr_u(i32x4.add(i32x4.add(x, i32x4.splat(0x7fff)), odd), 16);
  return v128.bitselect(i32x4.splat(0x7fc0), y, f32x4.ne(x, x));
}

/** f32 -> F16 in the low half of each lane: half to even, past 65504 to infinity; every NaN becomes 0x7e00. */
// @ts-ignore: decorator
@inline export function f16FromF32(x: v128): v128 {
  const sign = v128.and(x, i32x4.splat(0x80000000));
  const abs = v128.xor(x, sign);
  // Below 2^-14: adding 0.5 lets the adder round at bit 2^-24, the last bit of a subnormal half.
  const small = i32x4.sub(f32x4.add(abs, f32x4.splat(0.5)), i32x4.splat(0x3f000000));
  const odd = v128.and(i32x4.shr_u(abs, 13), i32x4.splat(1));
  const usual = i32x4.shr_u(i32x4.add(i32x4.add(abs, i32x4.splat(0xc8000fff)), odd), 13);
  const isNan = i32x4.gt_s(abs, i32x4.splat(0x7f800000));
  const big = v128.or(i32x4.splat(0x7c00), v128.and(isNan, i32x4.splat(0x200)));
  let y = v128.bitselect(small, usual, i32x4.lt_s(abs, i32x4.splat(0x38800000)));
  y = v128.bitselect(big, y, i32x4.ge_s(abs, i32x4.splat(0x47800000)));
  return v128.or(y, v128.andnot(i32x4.shr_u(sign, 16), isNan));
}

/** F16 in the low half of each lane -> f32, exact; a NaN keeps its payload. */
// @ts-ignore: decorator
@inline export function f32FromF16(h: v128): v128 {
  const sign = i32x4.shl(v128.and(h, i32x4.splat(0x8000)), 16);
  const abs = i32x4.shl(v128.and(h, i32x4.splat(0x7fff)), 13);
  const special = v128.and(i32x4.ge_s(abs, i32x4.splat(0x0f800000)), i32x4.splat(0x38000000));
  const usual = i32x4.add(i32x4.add(abs, i32x4.splat(0x38000000)), special);
  const small = f32x4.sub(i32x4.add(abs, i32x4.splat(0x38800000)), i32x4.splat(0x38800000));
  return v128.or(sign, v128.bitselect(small, usual, i32x4.lt_s(abs, i32x4.splat(0x00800000))));
}

/** The first four of eight stored elements at p, or four F32, as f32. */
// @ts-ignore: decorator
@inline export function loadLow<D>(p: usize): v128 {
  if (isFloat<D>()) return v128.load(p);
  if (isSigned<D>()) return f32FromF16(v128.load16x4_u(p));
  return i32x4.shl(v128.load16x4_u(p), 16);
}

/** Elements 4 to 7 from p. */
// @ts-ignore: decorator
@inline export function loadHigh<D>(p: usize): v128 {
  return isFloat<D>() ? v128.load(p, 16) : loadLow<D>(p + 8);
}

/** One element as f32. */
// @ts-ignore: decorator
@inline export function loadOne<D>(p: usize): f32 {
  if (isFloat<D>()) return load<f32>(p);
  if (isSigned<D>()) return f32x4.extract_lane(f32FromF16(i32x4.splat(<i32>load<u16>(p))), 0);
  return reinterpret<f32>(<u32>load<u16>(p) << 16);
}

/** Every NaN becomes 0x7fc00000, so that no payload of one machine reaches a file. */
// @ts-ignore: decorator
@inline export function canonical(x: v128): v128 {
  return v128.bitselect(i32x4.splat(0x7fc00000), x, f32x4.ne(x, x));
}

/** Two vectors of f32 as eight stored halves (BF16 or F16). */
// @ts-ignore: decorator
@inline export function halves<D>(x: v128, y: v128): v128 {
  if (isSigned<D>()) return i16x8.narrow_i32x4_u(f16FromF32(x), f16FromF32(y));
  return i16x8.narrow_i32x4_u(bf16FromF32(x), bf16FromF32(y));
}

/** x rounded to D and widened again. */
// @ts-ignore: decorator
@inline export function rounded<D>(x: v128): v128 {
  if (isFloat<D>()) return x;
  if (isSigned<D>()) return f32FromF16(f16FromF32(x));
  return i32x4.shl(bf16FromF32(x), 16);
}
