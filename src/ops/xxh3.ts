// XXH3, 64 bits, seeded. Source: the xxHash specification, doc/xxhash_spec.md, and xxhash.h.

const P32_1 = 0x9e3779b1n,
  P32_2 = 0x85ebca77n,
  P32_3 = 0xc2b2ae3dn;
const P64_1 = 0x9e3779b185ebca87n,
  P64_2 = 0xc2b2ae3d27d4eb4fn,
  P64_3 = 0x165667b19e3779f9n;
const P64_4 = 0x85ebca77c2b2ae63n,
  P64_5 = 0x27d4eb2f165667c5n;
const MX1 = 0x165667919e3779f9n,
  MX2 = 0x9fb21c651e98df25n;

const hex =
  "b8fe6c3923a44bbe7c01812cf721ad1cded46de9839097db7240a4a4b7b3671fcb79e64eccc0e578825ad07dccff7221" +
  "b8084674f743248ee03590e6813a264c3c2852bb91c300cb88d0658b1b532ea371644897a20df94e3819ef46a9deacd8" +
  "a8fa763fe39c343ff9dcbbc7c70b4f1d8a51e04bcdb45931c89f7ec9d9787364eac5ac8334d3ebc3c581a0fffa1363eb" +
  "170ddd51b7f0da49d316552629d4689e2b16be587d47a1fc8ff8b8d17ad031ce45cb3a8f95160428afd7fbcabb4b407e";
const secret: DataView = new DataView(
  Uint8Array.from(hex.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16)).buffer,
);

/** The eight lanes that inputs longer than 240 bytes start from. */
export const xxh3Start: readonly bigint[] = [P32_3, P64_1, P64_2, P64_3, P64_4, P32_2, P64_5, P32_1];

const wrap = (x: bigint): bigint => BigInt.asUintN(64, x);
const rotate = (x: bigint, n: bigint): bigint => wrap((x << n) | (x >> (64n - n)));
const key = (offset: number): bigint => secret.getBigUint64(offset, true);

function fold(a: bigint, b: bigint): bigint {
  const product = a * b;
  return wrap(product) ^ (product >> 64n);
}

function swap32(x: bigint): bigint {
  return ((x & 0xffn) << 24n) | ((x & 0xff00n) << 8n) | ((x >> 8n) & 0xff00n) | (x >> 24n);
}

function swap64(x: bigint): bigint {
  return (swap32(x & 0xffff_ffffn) << 32n) | swap32(x >> 32n);
}

function avalanche(x: bigint): bigint {
  const y = wrap((x ^ (x >> 37n)) * MX1);
  return y ^ (y >> 32n);
}

function avalanche64(x: bigint): bigint {
  let y = wrap((x ^ (x >> 33n)) * P64_2);
  y = wrap((y ^ (y >> 29n)) * P64_3);
  return y ^ (y >> 32n);
}

/** 192 bytes of secret for one seed, as inputs longer than 240 bytes use it. */
export function xxh3Secret(seed: bigint): Uint8Array<ArrayBuffer> {
  const made = new DataView(new ArrayBuffer(192));
  for (let i = 0; i < 192; i += 16) {
    made.setBigUint64(i, wrap(key(i) + seed), true);
    made.setBigUint64(i + 8, wrap(key(i + 8) - seed), true);
  }
  return new Uint8Array(made.buffer);
}

/** The hash of an input of at most 240 bytes. */
export function xxh3Short(bytes: Uint8Array, seed: bigint): bigint {
  const data = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const n = bytes.byteLength;
  if (n <= 16) return tiny(data, n, seed);
  const mix = (at: number, k: number): bigint =>
    fold(
      data.getBigUint64(at, true) ^ wrap(key(k) + seed),
      data.getBigUint64(at + 8, true) ^ wrap(key(k + 8) - seed),
    );
  let sum = BigInt(n) * P64_1;
  if (n <= 128) {
    for (let i = Math.ceil(n / 32) - 1; i >= 0; i--)
      sum += mix(16 * i, 32 * i) + mix(n - 16 * (i + 1), 32 * i + 16);
    return avalanche(wrap(sum));
  }
  for (let i = 0; i < 8; i++) sum += mix(16 * i, 16 * i);
  sum = avalanche(wrap(sum));
  for (let i = 8; i < Math.floor(n / 16); i++) sum += mix(16 * i, 16 * (i - 8) + 3);
  return avalanche(wrap(sum + mix(n - 16, 136 - 17)));
}

function tiny(data: DataView, n: number, seed: bigint): bigint {
  if (n > 8) {
    const low = data.getBigUint64(0, true) ^ wrap((key(24) ^ key(32)) + seed);
    const high = data.getBigUint64(n - 8, true) ^ wrap((key(40) ^ key(48)) - seed);
    return avalanche(wrap(BigInt(n) + swap64(low) + high + fold(low, high)));
  }
  if (n >= 4) {
    const mixed = seed ^ (swap32(seed & 0xffff_ffffn) << 32n);
    const both = BigInt(data.getUint32(n - 4, true)) + (BigInt(data.getUint32(0, true)) << 32n);
    let x = both ^ wrap((key(8) ^ key(16)) - mixed);
    x = wrap((x ^ rotate(x, 49n) ^ rotate(x, 24n)) * MX2);
    x = wrap((x ^ ((x >> 35n) + BigInt(n))) * MX2);
    return x ^ (x >> 28n);
  }
  if (n === 0) return avalanche64(seed ^ key(56) ^ key(64));
  const combined =
    ((data.getUint8(0) << 16) | (data.getUint8(n >> 1) << 24) | data.getUint8(n - 1) | (n << 8)) >>> 0;
  const flip = wrap(BigInt((secret.getUint32(0, true) ^ secret.getUint32(4, true)) >>> 0) + seed);
  return avalanche64(BigInt(combined) ^ flip);
}

/** The last step for inputs longer than 240 bytes. */
export function xxh3Merge(lanes: BigUint64Array, made: Uint8Array<ArrayBuffer>, byteLength: number): bigint {
  const view = new DataView(made.buffer, made.byteOffset);
  let sum = BigInt(byteLength) * P64_1;
  for (let i = 0; i < 8; i += 2) {
    const left = (lanes[i] ?? 0n) ^ view.getBigUint64(11 + 8 * i, true);
    sum += fold(left, (lanes[i + 1] ?? 0n) ^ view.getBigUint64(19 + 8 * i, true));
  }
  return avalanche(wrap(sum));
}

/** XXH3-64 in plain TypeScript, a byte order and a length at a time; slow. */
export function xxh3Reference(bytes: Uint8Array, seed: bigint): bigint {
  if (bytes.byteLength <= 240) return xxh3Short(bytes, seed);
  const data = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const made = xxh3Secret(seed);
  const secretView = new DataView(made.buffer);
  const lanes = BigUint64Array.from(xxh3Start);
  const stripe = (at: number, k: number): void => {
    for (let i = 0; i < 8; i++) {
      const value = data.getBigUint64(at + 8 * i, true);
      const mixed = value ^ secretView.getBigUint64(k + 8 * i, true);
      lanes[i ^ 1] = wrap((lanes[i ^ 1] ?? 0n) + value);
      lanes[i] = wrap((lanes[i] ?? 0n) + (mixed & 0xffff_ffffn) * (mixed >> 32n));
    }
  };
  const count = Math.floor((bytes.byteLength - 1) / 64);
  for (let n = 0; n < count; n++) {
    stripe(64 * n, 8 * (n % 16));
    if (n % 16 !== 15) continue;
    for (let i = 0; i < 8; i++) {
      const x = lanes[i] ?? 0n;
      lanes[i] = wrap((x ^ (x >> 47n) ^ secretView.getBigUint64(128 + 8 * i, true)) * P32_1);
    }
  }
  stripe(bytes.byteLength - 64, 121);
  return xxh3Merge(lanes, made, bytes.byteLength);
}
