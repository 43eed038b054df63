import { describe, expect, it } from "vitest";
import { eigenvaluesOf } from "../../src/ops/eigenvalues.ts";
import {
  bitsFromFloat,
  type ChangeRank,
  ChangeRankMeter,
  floatFromBits,
  roundingVariances,
} from "../../src/ops/index.ts";

/** A generator of numbers in (−1, 1) that is the same in each run. */
function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) | 0;
    return state / 2 ** 31;
  };
}

type Row = Float64Array<ArrayBuffer>;

function matrix(rows: number, cols: number, next: () => number, scale = 1): Row[] {
  return Array.from({ length: rows }, () => Float64Array.from({ length: cols }, () => next() * scale));
}

/** L·R, (rows, rank) by (rank, cols). */
function product(left: readonly Row[], right: readonly Row[]): Row[] {
  return left.map((row) => {
    const sum = new Float64Array(right[0]?.length ?? 0);
    for (const [k, factor] of row.entries())
      for (const [j, value] of (right[k] as Row).entries()) sum[j] = (sum[j] as number) + factor * value;
    return sum;
  });
}

const bf16 = (value: number): number => floatFromBits("BF16", bitsFromFloat("BF16", value));

/** Measures B − A with A and B as they are, or rounded to bf16. */
function rankOf(a: readonly Row[], b: readonly Row[], dtype: "F64" | "BF16"): ChangeRank {
  const cols = a[0]?.length ?? 0;
  const meter = new ChangeRankMeter(a.length, cols);
  const variances = new Float64Array(cols);
  const changes = a.map((row, i) => row.map((value, j) => (b[i]?.[j] as number) - value));
  for (const [i, change] of changes.entries()) {
    roundingVariances(dtype, b[i] as Row, variances);
    meter.first(i, change, variances);
  }
  const early = meter.afterFirst();
  if (early !== undefined) return early;
  for (const change of changes) meter.second(change);
  return meter.afterSecond();
}

/** A random matrix, and it with a random product of a rank added, each rounded to bf16 if so asked. */
function tuned(rows: number, cols: number, rank: number, dtype: "F64" | "BF16"): ChangeRank {
  const next = random(rows * 31 + cols * 7 + rank);
  const round = dtype === "BF16" ? (row: Row): Row => row.map(bf16) : (row: Row): Row => row;
  const a = matrix(rows, cols, next, 0.05).map(round);
  const delta = product(matrix(rows, rank, next, 0.1), matrix(rank, cols, next, 0.1));
  const b = a.map((row, i) => round(row.map((value, j) => value + (delta[i]?.[j] as number))));
  return rankOf(a, b, dtype);
}

describe("eigenvalues of a symmetric matrix", () => {
  it("are those that it was made of", () => {
    // A reflection I − 2uuᵀ turns a diagonal matrix without changing its eigenvalues.
    for (const n of [1, 2, 3, 7, 40]) {
      const next = random(n);
      const wanted = Float64Array.from({ length: n }, (_, i) => (i - n / 3) ** 3).sort();
      const u = Float64Array.from({ length: n }, () => next());
      const length = Math.hypot(...u);
      const q = (i: number, j: number): number =>
        (i === j ? 1 : 0) - (2 * (u[i] as number) * (u[j] as number)) / length ** 2;
      const a = new Float64Array(n * n);
      for (let i = 0; i < n; i++)
        for (let j = 0; j < n; j++)
          for (let k = 0; k < n; k++)
            a[i * n + j] = (a[i * n + j] as number) + q(i, k) * (wanted[k] as number) * q(j, k);
      const found = [...eigenvaluesOf(a, n)].reverse();
      const scale = Math.max(...wanted.map(Math.abs), 1);
      for (const [i, value] of found.entries())
        expect(Math.abs(value - (wanted[i] as number)) / scale).toBeLessThan(1e-13);
    }
  });

  it("of nothing are zeros", () => {
    expect([...eigenvaluesOf(new Float64Array(25), 5)]).toEqual([0, 0, 0, 0, 0]);
  });
});

describe("the rank of a change", () => {
  // Tall, wide and square; small enough for all singular values, and large enough for a sketch.
  const shapes: [number, number, boolean][] = [
    [40, 24, true],
    [24, 40, true],
    [700, 64, true],
    [64, 700, true],
    [300, 290, false],
    [260, 500, false],
    [500, 300, false],
  ];

  it.each(shapes)("of %i × %i is that of the product that was added", (rows, cols, isExact) => {
    for (const rank of [1, 3, 16])
      expect(tuned(rows, cols, rank, "F64")).toMatchObject({ rank, isMore: false, isExact });
  });

  it.each(shapes)("of %i × %i in bf16 does not count what rounding adds", (rows, cols, isExact) => {
    for (const rank of [1, 3, 8])
      expect(tuned(rows, cols, rank, "BF16")).toMatchObject({ rank, isMore: false, isExact });
  });

  it("is only said to be above 64 where it is", () => {
    expect(tuned(300, 290, 64, "F64")).toMatchObject({ rank: 64, isMore: false });
    expect(tuned(300, 290, 65, "F64")).toMatchObject({ rank: 64, isMore: true });
    expect(tuned(300, 290, 200, "F64")).toMatchObject({ rank: 64, isMore: true, isExact: false });
    expect(tuned(200, 190, 180, "F64")).toMatchObject({ rank: 64, isMore: true, isExact: true });
  });

  it("of no change is 0, and rounding alone is no change either", () => {
    const a = matrix(300, 290, random(5), 0.05);
    expect(rankOf(a, a, "F64")).toMatchObject({ rank: 0, isMore: false });
    expect(
      rankOf(
        a,
        a.map((row) => row.map(bf16)),
        "BF16",
      ),
    ).toMatchObject({ rank: 0, isMore: false });
    const small = matrix(20, 30, random(6), 0.05);
    expect(
      rankOf(
        small,
        small.map((row) => row.map(bf16)),
        "BF16",
      ),
    ).toMatchObject({ rank: 0, isMore: false });
  });

  it("is the same in each run, to the bit of its tolerance", () => {
    expect(tuned(300, 290, 5, "BF16")).toEqual(tuned(300, 290, 5, "BF16"));
  });
});
