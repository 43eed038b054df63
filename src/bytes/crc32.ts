// CRC-32 of zip (reflected polynomial 0xedb88320), eight bytes a step. Bit operators are at home here: a CRC is 32 bits.
const tables: readonly Uint32Array[] = makeTables();

function makeTables(): Uint32Array[] {
  const made = Array.from({ length: 8 }, () => new Uint32Array(256));
  const first = made[0] as Uint32Array;
  for (let n = 0; n < 256; n++) {
    let c = n;
    for (let k = 0; k < 8; k++) c = c & 1 ? (c >>> 1) ^ 0xedb88320 : c >>> 1;
    first[n] = c >>> 0;
  }
  for (let t = 1; t < 8; t++) {
    const before = made[t - 1] as Uint32Array;
    const table = made[t] as Uint32Array;
    for (let n = 0; n < 256; n++) {
      const c = before[n] as number;
      table[n] = ((c >>> 8) ^ (first[c & 255] as number)) >>> 0;
    }
  }
  return made;
}

/** CRC-32 of `bytes`, or of everything so far when given the CRC of what came before. */
export function crc32(bytes: Uint8Array, before = 0): number {
  const [t0, t1, t2, t3, t4, t5, t6, t7] = tables as unknown as [
    Uint32Array, Uint32Array, Uint32Array, Uint32Array, Uint32Array, Uint32Array, Uint32Array, Uint32Array,
  ]; // biome-ignore format: eight of one kind
  let crc = ~before;
  let at = 0;
  for (const end = bytes.length - 7; at < end; at += 8) {
    const low =
      crc ^
      ((bytes[at] as number) |
        ((bytes[at + 1] as number) << 8) |
        ((bytes[at + 2] as number) << 16) |
        ((bytes[at + 3] as number) << 24));
    crc =
      (t7[low & 255] as number) ^
      (t6[(low >>> 8) & 255] as number) ^
      (t5[(low >>> 16) & 255] as number) ^
      (t4[low >>> 24] as number) ^
      (t3[bytes[at + 4] as number] as number) ^
      (t2[bytes[at + 5] as number] as number) ^
      (t1[bytes[at + 6] as number] as number) ^
      (t0[bytes[at + 7] as number] as number);
  }
  for (; at < bytes.length; at++) crc = (crc >>> 8) ^ (t0[(crc ^ (bytes[at] as number)) & 255] as number);
  return ~crc >>> 0;
}

/** x^(8·2^k) mod the polynomial, for each k: what moves a CRC past 2^k bytes. */
const byteShifts: readonly number[] = makeShifts();

function makeShifts(): number[] {
  // x^8 in the reflected order of bits: the coefficient of x^0 is the highest bit.
  const shifts = [0x0080_0000];
  while (shifts.length < 53) shifts.push(multiply(shifts.at(-1) as number, shifts.at(-1) as number));
  return shifts;
}

/** Product of two polynomials over GF(2) modulo the CRC's own, as zlib's `multmodp` computes it. */
function multiply(a: number, b: number): number {
  let product = 0;
  let factor = b;
  for (let bit = 0x8000_0000; bit !== 0; bit >>>= 1) {
    if ((a & bit) !== 0) product ^= factor;
    factor = (factor & 1) !== 0 ? (factor >>> 1) ^ 0xedb8_8320 : factor >>> 1;
  }
  return product >>> 0;
}

/**
 * What a part adds to the CRC-32 of a whole: the CRC of the part, moved past the bytes that follow it. The CRC of the whole
 * is the XOR of what its parts add, in any order (zlib's `crc32_combine`).
 * @param after how many bytes of the whole come after the part
 */
export function crc32After(crc: number, after: number): number {
  let moved = crc;
  let rest = after;
  for (let power = 0; rest > 0; power++) {
    if (rest % 2 === 1) moved = multiply(byteShifts[power] as number, moved);
    rest = Math.floor(rest / 2);
  }
  return moved >>> 0;
}
