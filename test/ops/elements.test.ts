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

  it("round f32 to the nearest fp8 code, ties to the even one", () => {
    for (const dtype of ["F8_E4M3", "F8_E5M2"] as const) {
      const codes = Array.from({ length: 128 }, (_, bits) => bits).filter((bits) =>
        Number.isFinite(floatFromBits(dtype, bits)),
      );
      const largest = floatFromBits(dtype, codes.at(-1) ?? 0);
      const step = largest - floatFromBits(dtype, codes.at(-2) ?? 0);
      const past = dtype === "F8_E4M3" ? 0x7f : 0x7c;
      const nearest = (value: number): number => {
        if (value > largest + step / 2 || (value === largest + step / 2 && codes.length % 2 === 0))
          return past;
        const away = (bits: number): number => Math.abs(floatFromBits(dtype, bits) - value);
        return codes.reduce((best, bits) => {
          const by = away(bits) - away(best);
          return by < 0 || (by === 0 && bits % 2 === 0) ? bits : best;
        });
      };
      const values = codes.flatMap((bits) => {
        const low = floatFromBits(dtype, bits);
        const middle = (low + (codes.includes(bits + 1) ? floatFromBits(dtype, bits + 1) : low + step)) / 2;
        return [low, middle, Math.fround(middle * (1 - 2 ** -23)), Math.fround(middle * (1 + 2 ** -23))];
      });
      values.push(largest + step, 1e30, Infinity);
      const mark = kernel.mark();
      const from = kernel.alloc(values.length * 4);
      const to = kernel.alloc(values.length);
      for (const sign of [1, -1]) {
        kernel.f32(from, values.length).set(values.map((value) => value * sign));
        kernel.cast("F32", from, dtype, to, values.length);
        const want = values.map((value) => nearest(value) + (sign < 0 ? 128 : 0));
        expect([...kernel.bytes(to, values.length)]).toEqual(want);
      }
      kernel.release(mark);
    }
  });

  it("cast F64 and F32 both ways, and add f32 to F64", () => {
    const mark = kernel.mark();
    const wide = kernel.alloc(24);
    const narrow = kernel.alloc(12);
    kernel.f64(wide, 3).set([1 + 2 ** -25, -0, 1e300]);
    kernel.cast("F64", wide, "F32", narrow, 3);
    expect([...kernel.f32(narrow, 3)]).toEqual([1, -0, Infinity]);
    kernel.cast("F32", narrow, "F64", wide, 3);
    expect([...kernel.f64(wide, 3)]).toEqual([1, -0, Infinity]);
    kernel.f32(narrow, 3).set([2 ** -40, -0, 1]);
    expect(kernel.addToF64(wide, narrow, 3)).toBe(1);
    expect([...kernel.f64(wide, 3)]).toEqual([1 + 2 ** -40, -0, Infinity]);
    kernel.release(mark);
  });

  it("measure differences as plain f64 arithmetic does, whatever the length", () => {
    for (const dtype of ["BF16", "F16", "F32"] as const)
      for (const count of [1, 5, 8, 9, 31, 1003]) {
        const mark = kernel.mark();
        const width = dtype === "F32" ? 4 : 2;
        const a = kernel.alloc(count * width);
        const b = kernel.alloc(count * width);
        const write = (at: number, i: number, value: number): void => {
          const view = new DataView(kernel.bytes(at, count * width).buffer, at + i * width);
          const bits = bitsFromFloat(dtype, value);
          if (width === 4) view.setUint32(0, bits, true);
          else view.setUint16(0, bits, true);
        };
        for (let i = 0; i < count; i++) {
          write(a, i, Math.sin(i + 1));
          write(b, i, Math.cos(3 * i) / 4);
        }
        const value = (at: number, i: number): number => {
          const view = new DataView(kernel.bytes(at, count * width).buffer, at + i * width);
          return floatFromBits(dtype, width === 4 ? view.getUint32(0, true) : view.getUint16(0, true));
        };
        const want = { maxAbs: 0, sumSquares: 0, sumSquaresA: 0, sumSquaresB: 0 };
        for (let i = 0; i < count; i++) {
          const by = value(a, i) - value(b, i);
          want.maxAbs = Math.max(want.maxAbs, Math.abs(by));
          want.sumSquares += by ** 2;
          want.sumSquaresA += value(a, i) ** 2;
          want.sumSquaresB += value(b, i) ** 2;
        }
        const got = kernel.difference(dtype, a, b, count);
        expect(got.maxAbs).toBe(want.maxAbs);
        // The order of the sums differs: at most count · 2^-53 relative.
        for (const key of ["sumSquares", "sumSquaresA", "sumSquaresB"] as const)
          expect(Math.abs(got[key] / want[key] - 1)).toBeLessThan(count * 2 ** -52);
        write(a, count - 1, Infinity);
        write(b, count - 1, Infinity);
        expect(kernel.difference(dtype, a, b, count).maxAbs).toBeLessThan(2);
        write(b, count - 1, Number.NaN);
        expect(kernel.difference(dtype, a, b, count).maxAbs).toBeNaN();
        kernel.release(mark);
      }
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
