import { beforeEach, describe, expect, it, vi } from "vitest";
import { memorySink } from "../../src/bytes/index.ts";
import { byteLengthOf, type DType, type Recipe, type Step, type Tensor } from "../../src/core/index.ts";
import { errorBound, executeFiles, type Outcome } from "../../src/execute/index.ts";
import { formats } from "../../src/formats/index.ts";
import { bitsFromFloat, type FactorSource, floatFromBits, type LowRankTile } from "../../src/ops/index.ts";

// Merges that are right stay below the bound of their recipe; merges made wrong on purpose are far above it.

type Float = "BF16" | "F16" | "F32";

const mutation = vi.hoisted(() => ({
  of: (tile: LowRankTile): LowRankTile => tile,
  ofPacking: (source: FactorSource): FactorSource => source,
}));
vi.mock("../../src/ops/index.ts", async (original) => {
  const ops = await original<typeof import("../../src/ops/index.ts")>();
  const addLowRank: typeof ops.addLowRank = (kernel, tile) => ops.addLowRank(kernel, mutation.of(tile));
  const packFactor: typeof ops.packFactor = (kernel, packed, source) =>
    ops.packFactor(kernel, packed, mutation.ofPacking(source));
  return { ...ops, addLowRank, packFactor };
});
beforeEach(() => {
  mutation.of = (tile) => tile;
  mutation.ofPacking = (source) => source;
});

const [rows, cols, loraRank] = [64, 200, 8];

function random(count: number, seed: number, spread: number): Float32Array {
  let state = seed;
  return Float32Array.from({ length: count }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return (state / 2 ** 31 - 1) * spread;
  });
}

function tensorOf(name: string, dtype: DType, shape: readonly number[], values: Float32Array): Tensor {
  const codes = Array.from(values, (value) => bitsFromFloat(dtype as Float, value));
  const bytes = new Uint8Array((dtype === "F32" ? Uint32Array.from(codes) : Uint16Array.from(codes)).buffer);
  return {
    id: name, name, shape, dtype, byteLength: byteLengthOf(dtype, shape), file: "memory",
    read: async (byteOffset, into) => into.set(bytes.subarray(byteOffset, byteOffset + into.length)),
  }; // biome-ignore format: one object
}

interface Made {
  readonly source: Float;
  readonly output?: Float;
  readonly roundDelta?: boolean;
  readonly adapters?: number;
  /** Half of the width of the base's values, and of the factors'. */
  readonly spread?: number;
  readonly factorSpread?: number;
  readonly change?: (base: Float32Array) => void;
}

async function merge(made: Made): Promise<{ outcome: Outcome; bound: number }> {
  const { source: dtype, output = dtype, roundDelta = false, adapters = 1 } = made;
  const base = random(rows * cols, 1, made.spread ?? 0.05);
  made.change?.(base);
  const source = tensorOf("w", dtype, [rows, cols], base);
  const tensors = [source];
  const steps: Step[] = Array.from({ length: adapters }, (_, i) => {
    const spread = made.factorSpread ?? 0.05;
    const left = tensorOf(`l${i}`, "F32", [rows, loraRank], random(rows * loraRank, 2 + i, spread));
    const right = tensorOf(`r${i}`, "F32", [loraRank, cols], random(cols * loraRank, 20 + i, spread));
    tensors.push(left, right);
    return {
      kind: "addLowRank", roundDelta, batches: 1, rows, cols, loraRank, scaling: 2, adapter: "default", module: "m",
      left: { tensor: left, offset: 0, batch: 0, outer: loraRank, inner: 1 },
      right: { tensor: right, offset: 0, batch: 0, outer: 1, inner: cols },
    }; // biome-ignore format: one object
  });
  const recipe: Recipe = { source, dtype: output, shape: [rows, cols], steps };
  const byId = new Map(tensors.map((tensor) => [tensor.id, tensor]));
  const [written] = await executeFiles(
    [
      {
        kind: "tensors",
        path: "o.safetensors",
        format: "safetensors",
        entries: [{ name: "w", recipe }],
        metadata: {},
      },
    ],
    {
      formats,
      resolve: (id) => byId.get(id) as Tensor,
      sink: memorySink(),
      job: { accumulate: "muladd", digest: "none", prove: "full", factorBytes: 2 ** 20 },
      kernelBytes: 2 ** 26,
      task: "merge",
    },
  );
  const outcome = written?.outcome as Outcome;
  expect(outcome.provenRows).toBe(rows);
  return { outcome, bound: errorBound(recipe) as number };
}

const kinds: Record<string, Made> = {
  BF16: { source: "BF16" },
  F16: { source: "F16" },
  F32: { source: "F32" },
  "BF16, the delta rounded first": { source: "BF16", roundDelta: true },
  "F16, three adapters": { source: "F16", adapters: 3 },
  "BF16 written as F32": { source: "BF16", output: "F32" },
  "F32 written as BF16, two adapters": { source: "F32", output: "BF16", adapters: 2 },
  "F16 of subnormal size": { source: "F16", spread: 2 ** -22, factorSpread: 2 ** -13 },
};

describe.each(Object.entries(kinds))("the proof of a merge: %s", (_, made) => {
  it("finds errors below the bound of the recipe", async () => {
    const { outcome, bound } = await merge(made);
    expect(outcome.maxError).toBeGreaterThan(0);
    expect(outcome.maxError).toBeLessThanOrEqual(bound);
  });

  // Subnormal halves have a few bits: what is lost in them can be as large as what a wrong merge changes.
  if (made.spread !== undefined) return;

  const short = (tile: LowRankTile) => ({ ...tile, rows: tile.rows - 4 });
  const mutations: Record<string, (tile: LowRankTile) => LowRankTile> = {
    "a wrong row of the left factor": (tile) => ({ ...short(tile), leftRow: (tile.leftRow ?? 0) + 4 }),
    "a row of weights too far": (tile) => ({
      ...short(tile),
      weights: tile.weights + (tile.rowStrideBytes as number),
    }),
    "a scaling that is 5 % off": (tile) => ({ ...tile, scaling: tile.scaling * 1.05 }),
    "no scaling": (tile) => ({ ...tile, scaling: 1 }),
  };

  it.each(Object.entries(mutations))("finds %s, by a factor of two at least", async (_name, change) => {
    mutation.of = change;
    const { outcome, bound } = await merge(made);
    expect(outcome.maxError).toBeGreaterThan(2 * bound);
  });

  it("finds rows of a factor that were packed from wrong places: it reads the factors by itself", async () => {
    mutation.ofPacking = (source) =>
      source.strides.n === 1
        ? source
        : { ...source, strides: { ...source.strides, n: source.strides.n - 1 } };
    const { outcome, bound } = await merge(made);
    expect(outcome.maxError).toBeGreaterThan(2 * bound);
  });
});

describe("the proof of values that are not finite", () => {
  const poison = (value: number) => (base: Float32Array) => void base.fill(value, 5, 7);

  it.each([Number.NaN, Infinity])("lets %d of the base through", async (value) => {
    const { outcome, bound } = await merge({ source: "BF16", change: poison(value) });
    expect(outcome.maxError).toBeLessThanOrEqual(bound);
  });

  it("lets a sum through that is too large for the output", async () => {
    const { outcome, bound } = await merge({ source: "F32", output: "F16", change: poison(1e6) });
    expect(outcome.maxError).toBeLessThanOrEqual(bound);
  });

  it("calls a NaN that should not be there the largest error there is, which JSON can hold", async () => {
    mutation.of = (tile) => ({ ...tile, scaling: Infinity });
    const { outcome } = await merge({ source: "BF16" });
    expect(outcome.maxError).toBe(Number.MAX_VALUE);
    expect(JSON.parse(JSON.stringify(outcome.maxError))).toBe(Number.MAX_VALUE);
  });
});

describe("the bound of a recipe", () => {
  it("is absent where nothing is proven", () => {
    const source = tensorOf("w", "F32", [2], new Float32Array(2));
    const recipe: Recipe = { source, dtype: "F32", shape: [2], steps: [] };
    expect(errorBound(recipe)).toBeUndefined();
    const add: Step = { kind: "addVector", tensor: source, scaling: 1, adapter: "default" };
    expect(errorBound({ ...recipe, steps: [add] })).toBeUndefined();
  });

  it("counts in units of one rounding: the value between two neighbours is off by at most one", () => {
    // 1 + 2^-8 lies midway between two BF16 numbers: rounding it is off by u times (almost) the size.
    const rounded = floatFromBits("BF16", bitsFromFloat("BF16", 1 + 2 ** -8));
    expect(Math.abs(rounded - (1 + 2 ** -8)) / (2 ** -8 * (1 + 2 ** -8))).toBeCloseTo(1, 1);
  });
});
