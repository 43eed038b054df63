import { describe, expect, it } from "vitest";
import type { Tensor } from "../../src/core/index.ts";
import type { MadeTensor } from "../../src/plan/index.ts";
import { LazyMadeTensor } from "../../src/verbs/made-tensor.ts";
import { SeededValues } from "../../src/verbs/seeded-values.ts";
import { bytesOf } from "./edited.ts";

const fill = { kind: "uniform", bound: 0.5, seed: 7, stream: "a" } as const;

describe("seeded values", () => {
  it("follow from seed, stream and index alone", () => {
    const of = (change: object): number[] => {
      const values = new SeededValues({ ...fill, ...change });
      return [0, 1, 2, 2 ** 32, 2 ** 40 + 1].map((at) => values.at(at));
    };
    expect(of({})).toEqual(of({}));
    expect(new Set([...of({}), ...of({ seed: 8 }), ...of({ stream: "b" })]).size).toBe(15);
    // Frozen: a checkpoint that was edited can be edited again to the bit.
    expect(of({}).map((value) => value.toFixed(6))).toMatchInlineSnapshot(`
      [
        "0.235626",
        "-0.306103",
        "-0.325802",
        "-0.223175",
        "-0.316694",
      ]
    `);
  });

  it("are uniform within the bound", () => {
    const values = new SeededValues(fill);
    const drawn = Array.from({ length: 40_000 }, (_, at) => values.at(at));
    const mean = drawn.reduce((sum, value) => sum + value, 0) / drawn.length;
    const variance = drawn.reduce((sum, value) => sum + value * value, 0) / drawn.length;
    expect(Math.min(...drawn.map((value) => value))).toBeGreaterThanOrEqual(-0.5);
    expect(Math.max(...drawn.map((value) => value))).toBeLessThan(0.5);
    expect(Math.abs(mean)).toBeLessThan(0.005);
    expect(variance).toBeCloseTo(1 / 12, 2);
    const pairs = drawn.slice(1).reduce((sum, value, at) => sum + value * (drawn[at] ?? 0), 0) / drawn.length;
    expect(Math.abs(pairs)).toBeLessThan(0.002);
  });
});

/** A tensor of F32 whose elements are 1, 2, 3, … */
function counting(shape: readonly number[]): Tensor {
  const count = shape.reduce((product, size) => product * size, 1);
  const bytes = new Uint8Array(Float32Array.from({ length: count }, (_, at) => at + 1).buffer);
  return {
    id: "counted",
    name: "counted",
    dtype: "F32",
    shape,
    byteLength: bytes.length,
    file: "",
    async read(byteOffset, into) {
      if (byteOffset + into.length > bytes.length) throw new Error("past the end");
      into.set(bytes.subarray(byteOffset, byteOffset + into.length));
    },
  };
}

const cases = [
  { before: [2, 3], after: [4, 3], axis: 0, cells: [1, 2, 3, 4, 5, 6, 0, 0, 0, 0, 0, 0] },
  { before: [3, 2], after: [3, 4], axis: 1, cells: [1, 2, 0, 0, 3, 4, 0, 0, 5, 6, 0, 0] },
  { before: [3, 2], after: [3, 1], axis: 1, cells: [1, 3, 5] },
  { before: [3, 2], after: [1, 2], axis: 0, cells: [1, 2] },
  { before: [2, 2, 1, 1], after: [2, 3, 1, 1], axis: 1, cells: [1, 2, 0, 3, 4, 0] },
  { before: [2, 2, 2], after: [3, 2, 2], axis: 0, cells: [1, 2, 3, 4, 5, 6, 7, 8, 0, 0, 0, 0] },
] as const;

describe("a tensor that grew or was cut", () => {
  it.each(cases)("$before → $after, read whole and in any pieces", async ({ before, after, axis, cells }) => {
    const source = counting(before);
    const made: MadeTensor = {
      id: "made",
      name: "made",
      dtype: "F32",
      shape: after,
      byteLength: cells.length * 4,
      making: { kind: "resized", source, axis, fill: { kind: "zeros" } },
    };
    const tensor = new LazyMadeTensor(made, () => source);
    const whole = await bytesOf(tensor);
    expect([...new Float32Array(whole.buffer)]).toEqual([...cells]);
    for (let size = 1; size < whole.length; size++) {
      const pieces = new Uint8Array(whole.length);
      for (let at = 0; at < whole.length; at += size)
        await tensor.read(at, pieces.subarray(at, Math.min(whole.length, at + size)));
      expect(pieces, `${size} bytes at a time`).toEqual(whole);
    }
  });

  it("has the values that its fp32 master has, rounded", async () => {
    const made = (dtype: "F32" | "BF16"): MadeTensor => ({
      id: dtype,
      name: dtype,
      dtype,
      shape: [2, 3],
      byteLength: dtype === "F32" ? 24 : 12,
      making: { kind: "filled", fill },
    });
    const fail = (): never => {
      throw new Error("nothing is asked for");
    };
    const full = new Float32Array((await bytesOf(new LazyMadeTensor(made("F32"), fail))).buffer);
    const half = new Uint16Array((await bytesOf(new LazyMadeTensor(made("BF16"), fail))).buffer);
    const widened = new Float32Array(Uint32Array.from(half, (bits) => bits * 65536).buffer);
    for (const [at, value] of full.entries())
      expect(Math.abs((widened[at] ?? 0) - value)).toBeLessThan(Math.abs(value) / 200 + 1e-6);
    expect(new Set(full).size).toBe(6);
  });
});
