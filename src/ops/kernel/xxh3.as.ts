// The inner loop of XXH3 for inputs longer than 240 bytes; the rest is in xxh3.ts.

// @ts-ignore: decorator
@inline function stripe(acc: v128, p: usize, s: usize): v128 {
  const data = v128.load(p), key = v128.xor(data, v128.load(s));
  const product = i64x2.extmul_low_i32x4_u(v128.shuffle<i32>(key, key, 0, 2, 0, 2), v128.shuffle<i32>(key, key, 1, 3, 1, 3));
  return i64x2.add(i64x2.add(acc, v128.shuffle<i64>(data, data, 1, 0)), product);
}

// @ts-ignore: decorator
@inline function scramble(acc: v128, s: usize): v128 {
  const x = v128.xor(v128.xor(acc, i64x2.shr_u(acc, 47)), v128.load(s));
  return i64x2.mul(x, i64x2.splat(0x9E3779B1));
}

/** Folds all stripes of `length` > 240 bytes at `p` into the eight 64-bit lanes at `accs`; the secret has 192 bytes. */
export function xxh3Stripes(p: usize, length: usize, secret: usize, accs: usize): void {
  let a = v128.load(accs), b = v128.load(accs, 16), c = v128.load(accs, 32), d = v128.load(accs, 48);
  const last = p + length - 64, blockEnd = secret + 128;
  let s = secret;
  for (; p < last; p += 64) {
    a = stripe(a, p, s); b = stripe(b, p + 16, s + 16); c = stripe(c, p + 32, s + 32); d = stripe(d, p + 48, s + 48);
    s += 8;
    if (s == blockEnd) {
      // No scramble after the last whole block unless bytes follow it: `p + 64 > last` leaves the loop next.
      a = scramble(a, blockEnd); b = scramble(b, blockEnd + 16); c = scramble(c, blockEnd + 32); d = scramble(d, blockEnd + 48);
      s = secret;
    }
  }
  s = secret + 121;
  a = stripe(a, last, s); b = stripe(b, last + 16, s + 16); c = stripe(c, last + 32, s + 32); d = stripe(d, last + 48, s + 48);
  v128.store(accs, a); v128.store(accs, b, 16); v128.store(accs, c, 32); v128.store(accs, d, 48);
}
