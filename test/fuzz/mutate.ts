import type { Random } from "./random.ts";

/** Values at which counts, sizes and offsets tend to go wrong. */
export const edges: readonly bigint[] = [
  0n, 1n, 2n, 3n, 7n, 8n, 63n, 64n, 127n, 128n, 255n, 256n, 32767n, 32768n, 65535n, 65536n, 2n ** 31n - 1n, 2n ** 31n,
  2n ** 32n - 1n, 2n ** 32n, 2n ** 53n - 1n, 2n ** 53n, 2n ** 53n + 1n, 2n ** 62n, 2n ** 63n - 1n, 2n ** 63n, 2n ** 64n - 1n,
]; // biome-ignore format: a list

/** Inputs stay small: what matters is in the first kilobytes, and speed is inputs a second. */
const largestInput = 16_384;

/** One to four random changes; `other` gives material to splice in. */
export function mutate(input: Uint8Array, other: Uint8Array, random: Random): Uint8Array {
  let bytes = input;
  for (let rounds = 1 + random.below(4); rounds > 0; rounds--) bytes = change(bytes, other, random);
  return bytes.subarray(0, largestInput);
}

function change(bytes: Uint8Array, other: Uint8Array, random: Random): Uint8Array {
  const at = random.below(bytes.length + 1);
  const length = Math.min(1 + random.below(random.below(8) === 0 ? 256 : 12), bytes.length - at);
  const copy = bytes.slice();
  switch (random.below(9)) {
    case 0:
      if (at < copy.length) copy[at] = (copy[at] as number) ^ (1 << random.below(8));
      return copy;
    case 1:
      if (at < copy.length) copy[at] = random.below(256);
      return copy;
    case 2:
      return writeEdge(copy, at, random);
    case 3:
      return joined(bytes.subarray(0, at), bytes.subarray(at + length));
    case 4:
      return joined(bytes.subarray(0, at + length), bytes.subarray(at));
    case 5: {
      const from = random.below(other.length + 1);
      return joined(
        bytes.subarray(0, at),
        other.subarray(from, from + 1 + random.below(64)),
        bytes.subarray(at),
      );
    }
    case 6:
      return joined(
        bytes.subarray(0, at),
        Uint8Array.from({ length: 1 + random.below(8) }, () => random.below(256)),
        bytes.subarray(at),
      );
    case 7:
      return random.below(4) === 0 ? bytes.slice(0, at) : copy;
    default: {
      const to = random.below(bytes.length + 1);
      copy.copyWithin(to, at, at + length);
      return copy;
    }
  }
}

function writeEdge(copy: Uint8Array, at: number, random: Random): Uint8Array {
  const width = random.pick([1, 2, 4, 8]);
  if (at + width > copy.length) return copy;
  let value = BigInt.asUintN(8 * width, random.pick(edges) * (random.below(4) === 0 ? -1n : 1n));
  for (let i = 0; i < width; i++, value >>= 8n) copy[at + i] = Number(value & 255n);
  return copy;
}

function joined(...parts: Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}
