import { describe, expect, it } from "vitest";
import { memorySink, memoryTree } from "../../src/bytes/index.ts";
import { byteLengthOf, type LowRank, type Recipe, type Step, type Tensor } from "../../src/core/index.ts";
import { blocksOf, errorBound, executeFiles, type JobOptions, jobsOf } from "../../src/execute/index.ts";
import { formats, safetensors } from "../../src/formats/index.ts";
import { xxh3Reference } from "../../src/ops/index.ts";

// The golden fixtures are small: each of their tensors is one block. These are many blocks, and rows, experts and
// column blocks cross their borders; a loop in plain TypeScript says what must come out.

function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.fround(state / 2 ** 31 - 1);
  };
}

function tensorOf(name: string, shape: readonly number[], values: Float32Array): Tensor {
  const bytes = new Uint8Array(values.buffer);
  return {
    id: name, name, shape, dtype: "F32", byteLength: byteLengthOf("F32", shape), file: "memory",
    read: async (byteOffset, into) => {
      if (byteOffset + into.length > bytes.length) throw new Error(`${name}: read past the end`);
      into.set(bytes.subarray(byteOffset, byteOffset + into.length));
    },
  }; // biome-ignore format: one object
}

const filled = (count: number, seed: number): Float32Array =>
  Float32Array.from({ length: count }, random(seed));

interface Case {
  readonly batches: number;
  readonly rows: number;
  readonly cols: number;
  readonly loraRank: number;
  readonly shape: readonly number[];
  /** Stored rank-first, as the left factor of a transposed base is. */
  readonly isLeftTransposed?: boolean;
}

const scaling = 0.75;

function parts(of: Case): {
  w: Float32Array;
  l: Float32Array;
  r: Float32Array;
  low: LowRank;
  tensors: Tensor[];
} {
  const { batches, rows, cols, loraRank, shape } = of;
  const w = filled(batches * rows * cols, 1);
  const l = filled(batches * rows * loraRank, 2);
  const r = filled(batches * loraRank * cols, 3);
  const left = tensorOf("left", [batches, rows, loraRank], l);
  const right = tensorOf("right", [batches, loraRank, cols], r);
  const strides = of.isLeftTransposed ? { outer: 1, inner: rows } : { outer: loraRank, inner: 1 };
  const low: LowRank = {
    batches, rows, cols, loraRank, scaling, adapter: "default", module: "m",
    left: { tensor: left, offset: 0, batch: rows * loraRank, ...strides },
    right: { tensor: right, offset: 0, batch: loraRank * cols, outer: 1, inner: cols },
  }; // biome-ignore format: one object
  return { w, l, r, low, tensors: [tensorOf("w", shape, w), left, right] };
}

/** W + scaling·L·R: products and sums rounded to f32 one by one, k in order. */
function sumOf(of: Case, { w, l, r, low }: ReturnType<typeof parts>): Float32Array {
  const { batches, rows, cols, loraRank } = of;
  const out = new Float32Array(w.length);
  for (let e = 0, place = 0; e < batches; e++)
    for (let i = 0; i < rows; i++)
      for (let j = 0; j < cols; j++, place++) {
        let sum = 0;
        for (let k = 0; k < loraRank; k++) {
          const a = l[e * rows * loraRank + i * low.left.outer + k * low.left.inner] as number;
          const b = r[e * loraRank * cols + k * cols + j] as number;
          sum = Math.fround(sum + Math.fround(a * b));
        }
        out[place] = Math.fround((w[place] as number) + Math.fround(sum * scaling));
      }
  return out;
}

async function run(
  shape: readonly number[],
  tensors: readonly Tensor[],
  step: Step,
  factorBytes: number,
  prove: JobOptions["prove"] = "full",
) {
  const byId = new Map(tensors.map((tensor) => [tensor.id, tensor]));
  const source = byId.get("w") as Tensor;
  const recipe: Recipe = { source, dtype: "F32", shape, steps: [step] };
  const sink = memorySink();
  const job: JobOptions = { accumulate: "muladd", digest: "fast", prove, factorBytes };
  const entries = [{ name: "w", recipe }];
  const [written] = await executeFiles(
    [{ kind: "tensors", path: "out.safetensors", format: "safetensors", entries, metadata: {} }],
    { formats, resolve: (id) => byId.get(id) as Tensor, sink, job, kernelBytes: 2 ** 29, task: "merge" },
  );
  await sink.commit();
  const file = await safetensors.open(await memoryTree(sink.files).open("out.safetensors"));
  const bytes = new Uint8Array(source.byteLength);
  await (file.tensors[0] as Tensor).read(0, bytes);
  const task = { kind: "write", name: "w", recipe, file: 0, byteOffset: 0, isWritten: true } as const;
  return {
    recipe,
    merged: new Float32Array(bytes.buffer),
    outcome: written?.outcome,
    jobs: jobsOf([task], factorBytes).length,
  };
}

function firstDifference(a: Float32Array, b: Float32Array): number {
  return a.findIndex((value, i) => !Object.is(value, b[i]));
}

const cases: Record<string, Case> = {
  "an even matrix": { batches: 1, rows: 512, cols: 1024, loraRank: 4, shape: [512, 1024] },
  "rows that fill no whole number of blocks": {
    batches: 1,
    rows: 997,
    cols: 1003,
    loraRank: 5,
    shape: [997, 1003],
  },
  "few wide rows, fewer than eight a block": {
    batches: 1,
    rows: 37,
    cols: 20_011,
    loraRank: 3,
    shape: [37, 20_011],
  },
  "rows so wide that two make a block": {
    batches: 1,
    rows: 31,
    cols: 32_749,
    loraRank: 3,
    shape: [31, 32_749],
  },
  "experts that end inside a block": { batches: 7, rows: 99, cols: 1024, loraRank: 4, shape: [7, 99, 1024] },
  "small experts, several in one block": {
    batches: 30,
    rows: 33,
    cols: 129,
    loraRank: 4,
    shape: [30, 33, 129],
  },
  "a kernel of four axes": { batches: 1, rows: 300, cols: 64 * 9, loraRank: 4, shape: [300, 64, 3, 3] },
  "a transposed left factor": {
    batches: 1,
    rows: 1501,
    cols: 700,
    loraRank: 6,
    shape: [1501, 700],
    isLeftTransposed: true,
  },
};

describe.each(Object.entries(cases))("a merge over many blocks: %s", (_, of) => {
  const made = parts(of);
  const expected = sumOf(of, made);

  // 2 ** 24: factors whole, one job. 40_000: several jobs. 4_000: the right factor in column blocks as well.
  it.each([2 ** 24, 40_000, 4_000])("is right with %i bytes for factors", async (factorBytes) => {
    expect(blocksOf("F32", of.shape).count).toBeGreaterThan(1);
    const step: Step = { kind: "addLowRank", roundDelta: false, ...made.low };
    const { recipe, merged, outcome, jobs } = await run(of.shape, made.tensors, step, factorBytes);
    expect(firstDifference(merged, expected)).toBe(-1);
    expect(outcome?.changed).toBe(expected.filter((value, i) => value !== made.w[i]).length);
    const rows = of.batches * of.rows;
    // A job's rows of the left factor, raw and packed, have to fit.
    if (rows * of.loraRank * 8 > factorBytes) expect(jobs).toBeGreaterThan(1);
    expect(outcome?.provenRows).toBe(rows);
    expect(outcome?.maxError).toBeLessThanOrEqual(errorBound(recipe) as number);
  });
});

describe("a right factor that does not fit", () => {
  const of: Case = { batches: 1, rows: 30, cols: 16_384, loraRank: 24, shape: [30, 16_384] };
  const made = parts(of);
  const step: Step = { kind: "addLowRank", roundDelta: false, ...made.low };

  // The factor takes 3.1 MB raw and packed, a block 256 KiB and as much again for what it was.
  it.each([
    ["block by block", 500_000, 8],
    ["three blocks at a time", 1_600_000, 3],
  ])("is read %s where %i bytes are allowed", async (_, factorBytes, reads) => {
    let count = 0;
    const tensors = made.tensors.map((tensor): Tensor => {
      if (tensor.name !== "right") return tensor;
      const read: Tensor["read"] = (byteOffset, into) => {
        if (byteOffset === 0) count++;
        return tensor.read(byteOffset, into);
      };
      return { ...tensor, read };
    });
    const { merged, outcome } = await run(of.shape, tensors, step, factorBytes, "none");
    expect(firstDifference(merged, sumOf(of, made))).toBe(-1);
    const { blockBytes, count: blocks } = blocksOf("F32", of.shape);
    const digests = Array.from({ length: blocks }, (_, block) => {
      const bytes = new Uint8Array(merged.buffer).subarray(block * blockBytes, (block + 1) * blockBytes);
      return xxh3Reference(bytes, BigInt(block));
    });
    const sum = digests.reduce((all, digest) => all + digest, 0n);
    expect(BigInt.asUintN(64, outcome?.digest ?? 0n)).toBe(BigInt.asUintN(64, sum));
    expect(count).toBe(reads);
  });
});

describe.each(["row", "column"] as const)("DoRA over many blocks, norms by %s", (norm) => {
  const of: Case = { batches: 1, rows: 603, cols: 1001, loraRank: 4, shape: [603, 1001] };
  const made = parts(of);
  const count = norm === "row" ? of.rows : of.cols;
  const magnitudes = filled(count, 4);
  const magnitude = tensorOf("magnitude", [count], magnitudes);
  const sum = sumOf(of, made);
  const rowFactors = norm === "row" ? Array.from({ length: of.rows }, (_, row) => rowFactor(row)) : [];
  const columnFactors =
    norm === "column" ? Array.from({ length: of.cols }, (_, col) => columnFactor(col)) : [];
  const expected = sum.map((value, place) => {
    const [row, col] = [Math.floor(place / of.cols), place % of.cols];
    return value * ((norm === "row" ? rowFactors[row] : columnFactors[col]) as number);
  });

  function factor(index: number, squares: number): number {
    return Math.fround((magnitudes[index] as number) / Math.fround(Math.sqrt(squares)));
  }
  function rowFactor(row: number): number {
    const values = sum.subarray(row * of.cols, (row + 1) * of.cols);
    return factor(
      row,
      values.reduce((total, value) => total + value * value, 0),
    );
  }
  function columnFactor(col: number): number {
    let total = 0;
    for (let place = col; place < sum.length; place += of.cols) total += (sum[place] as number) ** 2;
    return factor(col, total);
  }

  it.each([2 ** 24, 4_000])("is right to one part in 2^22 with %i bytes for factors", async (factorBytes) => {
    const step: Step = { kind: "dora", norm, magnitude, ...made.low };
    const { merged } = await run(of.shape, [...made.tensors, magnitude], step, factorBytes);
    const worst = merged.reduce(
      (most, value, i) =>
        Math.max(most, Math.abs(value - (expected[i] as number)) / (Math.abs(expected[i] as number) + 1e-30)),
      0,
    );
    expect(worst).toBeLessThan(2 ** -22);
  });
});
