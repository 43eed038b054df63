import { describe, expect, it } from "vitest";
import { addLowRankReference } from "../../src/ops/low-rank-reference.ts";
import { alphaFor } from "../../src/plan/edit-scaling.ts";

describe("the alpha of another rank", () => {
  it("is α·r'/r where that is exact, as a whole number", () => {
    expect(alphaFor(16 / 8, 16)).toBe(32);
    expect(alphaFor(8 / 4, 6)).toBe(12);
  });

  it("gives the same scaling in f32, in which it is used, for every pair of ranks", () => {
    let exact = 0;
    let all = 0;
    for (const alpha of [1, 3, 8, 10, 16, 17, 32, 0.1, 64])
      for (let rank = 1; rank <= 64; rank++)
        for (const after of [1, 2, 3, 5, 7, 12, 16, 20, 24, 33, 64, 100, 256]) {
          for (const [scaling, divisor] of [
            [alpha / rank, after],
            [alpha / Math.sqrt(rank), Math.sqrt(after)],
          ] as const) {
            const found = alphaFor(scaling, divisor);
            expect(Math.fround((found ?? Number.NaN) / divisor)).toBe(Math.fround(scaling));
            all++;
            if ((found ?? 0) / divisor === scaling) exact++;
          }
        }
    expect(exact / all).toBeGreaterThan(0.9);
  });
});

/** Bits that rounding trips over, with others between them. */
const bits = [0, 0x8000, 0x3f80, 0xbf80, 0x7fc0, 0x7f80, 0xff80, 1, 0x8001, 0x7f7f, 0x3e4d, 0xc123];
const factors = [0, -0, 1, -1, 1e-30, -1e-30, 3e38, Number.NaN, Number.POSITIVE_INFINITY, 0.3, -0.7];

describe("ranks that are appended with zero columns of B", () => {
  it.each(["muladd", "fma"] as const)("leave every sum as it is to the bit: %s", (accumulate) => {
    let signs = 0;
    for (let at = 0; at < factors.length ** 2; at++) {
      const [b, a] = [factors[at % factors.length] ?? 0, factors[Math.floor(at / factors.length)] ?? 0];
      for (const roundDelta of [false, true]) {
        const merged = (left: number[], right: number[], rank: number): Uint16Array => {
          const weights = Uint16Array.from(bits);
          const size = { rows: 1, cols: bits.length, rank };
          const cells = (values: number[]): Float32Array =>
            Float32Array.from(values.flatMap((value) => bits.map(() => value)));
          const tile = { weights, dtype: "BF16", ...size, scaling: 2, roundDelta, accumulate } as const;
          addLowRankReference({ ...tile, left: Float32Array.from(left), right: cells(right) });
          return weights;
        };
        const before = merged([b, 0.5], [a, -1e-3], 2);
        const after = merged([b, 0.5, 0, 0, 0], [a, -1e-3, 0.2, -0.2, 1e-38], 5);
        expect([...after], `${b} · ${a}`).toEqual([...before]);
        // One product alone can round to -0 where both are fused; added zeros then make +0 of it.
        const alone = [merged([b], [a], 1), merged([b, 0, 0], [a, 0.2, -0.2], 3)];
        for (const [cell, value] of alone[0]?.entries() ?? []) {
          if (value === alone[1]?.[cell]) continue;
          signs++;
          expect([accumulate, bits[cell], value, alone[1]?.[cell]]).toEqual(["fma", 0x8000, 0x8000, 0]);
        }
      }
    }
    // The one difference that there is, and that docs/guide/edit.md states.
    expect(signs > 0).toBe(accumulate === "fma");
  });
});
