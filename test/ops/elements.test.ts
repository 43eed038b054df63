import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { bitsFromFloat, floatFromBits, Kernel, ulpDistance, xxh3Reference } from "../../src/ops/index.ts";

const kernel = Kernel.create();

describe("XXH3", () => {
  const text = readFileSync(new URL("xxh3-vectors.json", import.meta.url), "utf8");
  const vectors: readonly [number, string, string][] = JSON.parse(text);
  it("gives the hashes of the reference library for every length class and seed", () => {
    for (const [length, seed, hash] of vectors) {
      const data = Uint8Array.from({ length }, (_, i) => (i * 197 + (i >> 8) * 31 + 7) & 255);
      const mark = kernel.mark();
      const at = kernel.alloc(length);
      kernel.bytes(at, length).set(data);
      const name = `${length} bytes, seed ${seed}`;
      expect([name, kernel.xxh3(at, length, BigInt(seed))]).toEqual([name, BigInt(hash)]);
      expect([name, xxh3Reference(data, BigInt(seed))]).toEqual([name, BigInt(hash)]);
      kernel.release(mark);
    }
  });
});

describe("element types", () => {
  it("round every 16-bit code through f32 unchanged, NaN canonical, in TypeScript and in the kernel", () => {
    for (const dtype of ["BF16", "F16"] as const) {
      const mark = kernel.mark();
      const codes = kernel.alloc(131_072);
      const floats = kernel.alloc(262_144);
      new Uint16Array(kernel.bytes(codes, 131_072).buffer, codes, 65_536).forEach((_, i, all) => {
        all[i] = i;
      });
      kernel.cast(dtype, codes, "F32", floats, 65_536);
      const wide = kernel.f32(floats, 65_536);
      for (let i = 0; i < 65_536; i++)
        if (!Object.is(wide[i], floatFromBits(dtype, i))) throw new Error(`${dtype} ${i}`);
      kernel.cast("F32", floats, dtype, codes, 65_536);
      const back = new Uint16Array(kernel.bytes(codes, 131_072).buffer, codes, 65_536);
      for (let i = 0; i < 65_536; i++) {
        const want = bitsFromFloat(dtype, floatFromBits(dtype, i));
        if (!Number.isNaN(floatFromBits(dtype, i)) && want !== i) throw new Error(`${dtype} ${i}: ${want}`);
        if (back[i] !== want) throw new Error(`${dtype} ${i}: ${back[i]}, not ${want}`);
      }
      kernel.release(mark);
    }
  });

  it("round f32 patterns, ties and boundaries as TypeScript does, at any count", () => {
    const mark = kernel.mark();
    const count = 65_536 * 4 + 5;
    const from = kernel.alloc(count * 4);
    const to = kernel.alloc(count * 2);
    const bits = new Uint32Array(kernel.bytes(from, count * 4).buffer, from, count);
    const ends = [0x8000, 0x7fff, 0x8001, 0x1000];
    bits.forEach((_, i) => {
      bits[i] = (Math.floor(i / 4) * 65_536 + (ends[i % 4] ?? 0)) >>> 0;
    });
    for (const dtype of ["BF16", "F16"] as const) {
      kernel.cast("F32", from, dtype, to, count);
      const got = new Uint16Array(kernel.bytes(to, count * 2).buffer, to, count);
      for (let i = 0; i < count; i++) {
        const want = bitsFromFloat(dtype, floatFromBits("F32", bits[i] ?? 0));
        if (got[i] !== want) throw new Error(`${dtype} of ${bits[i]?.toString(16)}: ${got[i]}, not ${want}`);
      }
    }
    kernel.release(mark);
  });

  it("decode the boundaries of fp8", () => {
    expect([0x7e, 0x01, 0x08, 0x80].map((bits) => floatFromBits("F8_E4M3", bits))).toEqual([
      448,
      2 ** -9,
      2 ** -6,
      -0,
    ]);
    expect(floatFromBits("F8_E4M3", 0xff)).toBeNaN();
    expect([0x7b, 0x01, 0x7c].map((bits) => floatFromBits("F8_E5M2", bits))).toEqual([
      57344,
      2 ** -16,
      Infinity,
    ]);
  });

  it("count units in the last place across zero", () => {
    expect(ulpDistance("BF16", 0x0001, 0x8001)).toBe(2);
    expect(ulpDistance("F32", 0x3f80_0000, 0x3f80_0003)).toBe(3);
    expect(ulpDistance("F16", 0x7e00, 0x7e00)).toBe(0);
  });

  it("count NaN, infinities and differences in runs of any length", () => {
    for (const count of [1, 7, 8, 9, 1000, 300_001]) {
      const mark = kernel.mark();
      const a = kernel.alloc(count * 2);
      const b = kernel.alloc(count * 2);
      const first = new Uint16Array(kernel.bytes(a, count * 2).buffer, a, count).fill(0x3f80);
      const second = new Uint16Array(kernel.bytes(b, count * 2).buffer, b, count).fill(0x3f80);
      first[count - 1] = 0xff80;
      expect(kernel.scan("BF16", a, count)).toEqual({ nan: 0, infinite: 1 });
      first[count - 1] = 0x7f81;
      expect(kernel.scan("BF16", a, count)).toEqual({ nan: 1, infinite: 0 });
      expect(kernel.countDifferent(2, a, b, count)).toBe(1);
      first[count - 1] = 0x4000;
      second[0] = count === 1 ? 0x3f80 : 0x4040;
      const found = kernel.difference("BF16", a, b, count);
      expect(found.maxAbs).toBe(count === 1 ? 1 : 2);
      expect(found.sumSquaresA).toBe(count + 3);
      kernel.release(mark);
    }
  });

  it("refuse a cast that nobody defined", () => {
    expect(() => kernel.cast("I64", kernel.alloc(8), "F32", kernel.alloc(8), 1)).toThrow(/I64/);
  });
});

describe("the arena", () => {
  it("aligns to 64 bytes, grows, and refuses to pass its limit", () => {
    const small = Kernel.create({ maxBytes: 1 << 20 });
    expect(small.alloc(1) % 64).toBe(0);
    const mark = small.mark();
    expect(small.alloc(500_000) % 64).toBe(0);
    small.release(mark);
    expect(() => small.alloc(2_000_000)).toThrow(expect.objectContaining({ code: "TENON_MEMORY_BUDGET" }));
  });
});
