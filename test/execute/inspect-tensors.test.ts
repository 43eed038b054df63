import { copyFile, mkdtemp, rm, truncate } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { memorySink } from "../../src/bytes/index.ts";
import { openFile } from "../../src/bytes/node/index.ts";
import { byteLengthOf, type DType, isTenonError, type Tensor } from "../../src/core/index.ts";
import {
  digestText,
  executeFiles,
  type InspectTask,
  inspectTensors,
  type RunInThreads,
} from "../../src/execute/index.ts";
import { runInThreads } from "../../src/execute/node/index.ts";
import { formats, safetensors } from "../../src/formats/index.ts";
import { bitsFromFloat, floatFromBits, xxh3Reference } from "../../src/ops/index.ts";

const workerUrl = new URL("../../dist/worker.js", import.meta.url);
const kernelBytes = 2 ** 26;
const closing: { close(): Promise<void> }[] = [];
let directory = "";

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "tenon-inspect-"));
});
afterAll(async () => {
  for (const source of closing) await source.close();
  await rm(directory, { recursive: true, force: true });
});

async function tensorsOf(path: string): Promise<readonly Tensor[]> {
  const source = await openFile(path, { path, location: path });
  closing.push(source);
  return (await safetensors.open(source)).tensors;
}

const llama = join(import.meta.dirname, "../fixtures/base/llama-f32/model.safetensors");
const resolver = (tensors: readonly Tensor[]) => {
  const byId = new Map(tensors.map((tensor) => [tensor.id, tensor]));
  return (id: string): Tensor => byId.get(id) as Tensor;
};
const inThreads: RunInThreads = (batch, control) =>
  runInThreads(batch, { ...control, threads: 2, kernelBytes, workerUrl });

type Width = "BF16" | "F16" | "F32" | "F64";

function tensorOf(name: string, dtype: DType, shape: readonly number[], bytes: Uint8Array): Tensor {
  return {
    id: name, name, dtype, shape, byteLength: byteLengthOf(dtype, shape), file: "memory",
    read: async (byteOffset, into) => {
      if (byteOffset + into.length > bytes.length) throw new Error(`${name}: read past the end`);
      into.set(bytes.subarray(byteOffset, byteOffset + into.length));
    },
  }; // biome-ignore format: one object
}

/** Values of a dtype, rounded into it. */
function stored(dtype: Width, values: Float64Array): { bytes: Uint8Array; values: Float64Array } {
  if (dtype === "F64") return { bytes: new Uint8Array(values.slice().buffer), values };
  const codes = Array.from(values, (value) => bitsFromFloat(dtype, value));
  const bits = dtype === "F32" ? Uint32Array.from(codes) : Uint16Array.from(codes);
  return {
    bytes: new Uint8Array(bits.buffer),
    values: Float64Array.from(codes, (code) => floatFromBits(dtype, code)),
  };
}

function random(count: number, seed: number): Float64Array {
  let state = seed;
  return Float64Array.from({ length: count }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.fround(state / 2 ** 31 - 1);
  });
}

describe("inspecting tensors", () => {
  it("gives the digests of a run that writes them, in worker threads and on one thread", async () => {
    const tensors = await tensorsOf(llama);
    const resolve = resolver(tensors);
    const tasks = tensors.map(
      (tensor): InspectTask => ({
        kind: "inspect",
        name: tensor.name,
        tensor,
        scan: true,
      }),
    );
    const shared = { resolve, kernelBytes, task: "verify", digest: "fast" } as const;
    const done: number[] = [];
    const threads = await inspectTensors(tasks, {
      ...shared,
      runInThreads: inThreads,
      onProgress: ({ doneBytes }) => done.push(doneBytes),
    });
    expect(threads).toEqual(await inspectTensors(tasks, shared));
    expect(done.at(-1)).toBe(tensors.reduce((sum, { byteLength }) => sum + byteLength, 0));
    const entries = tensors.map((tensor) => ({
      name: tensor.name,
      recipe: { source: tensor, dtype: tensor.dtype, shape: tensor.shape, steps: [] },
    }));
    const written = await executeFiles(
      [{ kind: "tensors", path: "a.safetensors", format: "safetensors", entries, metadata: {} }],
      {
        formats,
        resolve,
        kernelBytes,
        task: "copy",
        sink: memorySink(),
        job: { accumulate: "muladd", digest: "fast", prove: "none", factorBytes: 2 ** 20 },
      },
    );
    const digests = new Map(written.map(({ name, outcome }) => [name, outcome.digest]));
    expect(new Map(tensors.map(({ name }, i) => [name, threads[i]?.digest]))).toEqual(digests);
  });

  it("spells a digest as the sum of the blocks' XXH3, each seeded with its index", async () => {
    const bytes = new Uint8Array(600_000).map((_, i) => i % 251);
    const tensor = tensorOf("w", "U8", [600_000], bytes);
    const [outcome] = await inspectTensors([{ kind: "inspect", name: "w", tensor, scan: true }], {
      resolve: () => tensor,
      kernelBytes,
      task: "verify",
      digest: "fast",
    });
    const block = 256 * 1024;
    const sum = [0, 1, 2].reduce(
      (total, i) => total + xxh3Reference(bytes.subarray(i * block, (i + 1) * block), BigInt(i)),
      0n,
    );
    expect(outcome?.digest).toBe(BigInt.asUintN(64, sum));
    expect(digestText(0xabcn)).toBe("xxh3-blocks:0000000000000abc");
    expect(digestText(outcome?.digest ?? 0n)).toMatch(/^xxh3-blocks:[0-9a-f]{16}$/);
  });

  it("takes no digest where none is wanted, and nothing from tensors without elements", async () => {
    const empty = tensorOf("e", "F32", [0, 4], new Uint8Array(0));
    const shared = { resolve: () => empty, kernelBytes, task: "verify", digest: "none" } as const;
    const tasks: InspectTask[] = [{ kind: "inspect", name: "e", tensor: empty, scan: true }];
    const [outcome] = await inspectTensors(tasks, { ...shared, runInThreads: inThreads });
    expect([outcome?.digest, outcome?.nan]).toEqual([0n, 0]);
  });

  it("names the file that ends before its tensor does, in threads and inline", async () => {
    const short = join(directory, "short.safetensors");
    await copyFile(llama, short);
    const tensors = await tensorsOf(short);
    await truncate(short, 50_000);
    const tasks = tensors.map(
      (tensor): InspectTask => ({
        kind: "inspect",
        name: tensor.name,
        tensor,
        scan: false,
      }),
    );
    const shared = { resolve: resolver(tensors), kernelBytes, task: "verify", digest: "none" } as const;
    for (const options of [shared, { ...shared, runInThreads: inThreads }]) {
      const error = await inspectTensors(tasks, options).catch((reason: unknown) => reason);
      expect(isTenonError(error) && error.code).toBe("TENON_BYTES_PAST_END");
      expect(String(error)).toContain("short.safetensors");
    }
  });

  it("stops when the caller aborts, before anything is read", async () => {
    const tensors = await tensorsOf(llama);
    const tasks = tensors.map(
      (tensor): InspectTask => ({
        kind: "inspect",
        name: tensor.name,
        tensor,
        scan: false,
      }),
    );
    const run = inspectTensors(tasks, {
      resolve: (id) => ({ ...resolver(tensors)(id), read: () => Promise.reject(new Error("read")) }),
      kernelBytes,
      task: "verify",
      digest: "none",
      signal: AbortSignal.abort(),
    });
    expect(await run.catch(String)).toContain("Interrupted");
  });
});

describe("comparing two tensors", () => {
  const [rows, cols] = [300, 1003];
  const pairs: [Width, Width][] = [
    ["F32", "F32"],
    ["BF16", "BF16"],
    ["F16", "F16"],
    ["F64", "F64"],
    ["BF16", "F32"],
    ["F32", "BF16"],
    ["F16", "BF16"],
    ["F64", "F16"],
    ["F32", "F64"],
  ];

  async function compare(a: Tensor, b: Tensor, measureAll: boolean) {
    const [outcome] = await inspectTensors(
      [{ kind: "inspect", name: "w", tensor: a, against: b, scan: false, measureAll }],
      {
        resolve: resolver([a, b]),
        kernelBytes,
        task: "diff",
        digest: "none",
      },
    );
    return outcome;
  }

  it.each(pairs)("measures %s against %s as plain f64 arithmetic does, over many blocks", async (x, y) => {
    const first = stored(x, random(rows * cols, 1));
    const second = stored(y, random(rows * cols, 2));
    const outcome = await compare(
      tensorOf("a", x, [rows, cols], first.bytes),
      tensorOf("b", y, [rows, cols], second.bytes),
      false,
    );
    let [different, maxAbs, squares, squaresA, squaresB] = [0, 0, 0, 0, 0];
    for (const [i, a] of first.values.entries()) {
      const b = second.values[i] as number;
      different += Object.is(a, b) ? 0 : 1;
      maxAbs = Math.max(maxAbs, Math.abs(a - b));
      squares += (a - b) ** 2;
      squaresA += a * a;
      squaresB += b * b;
    }
    expect([outcome?.different, outcome?.measured, outcome?.maxAbs]).toEqual([
      different,
      rows * cols,
      maxAbs,
    ]);
    const sums = [outcome?.sumSquares, outcome?.sumSquaresA, outcome?.sumSquaresB] as number[];
    for (const [i, want] of [squares, squaresA, squaresB].entries())
      expect(Math.abs((sums[i] as number) / want - 1)).toBeLessThan(rows * cols * 2 ** -52);
  });

  it.each([
    ["BF16", "F32"],
    ["F16", "F64"],
  ] as [Width, Width][])("finds no difference where %s values are stored as %s", async (narrow, wide) => {
    const first = stored(narrow, random(rows * cols, 3));
    const second = stored(wide, first.values);
    const a = tensorOf("a", narrow, [rows, cols], first.bytes);
    const b = tensorOf("b", wide, [rows, cols], second.bytes);
    expect((await compare(a, b, false))?.different).toBe(0);
    expect((await compare(b, a, false))?.different).toBe(0);
  });

  it("measures only blocks that differ, until it is asked for all", async () => {
    const values = random(rows * cols, 4);
    const a = tensorOf("a", "F32", [rows, cols], stored("F32", values).bytes);
    const changed = values.slice();
    changed[rows * cols - 1] = 5;
    const b = tensorOf("b", "F32", [rows, cols], stored("F32", changed).bytes);
    const some = await compare(a, b, false);
    expect(some?.different).toBe(1);
    expect(some?.measured).toBeGreaterThan(0);
    expect(some?.measured).toBeLessThan(rows * cols);
    const all = await compare(a, b, true);
    expect(all?.measured).toBe(rows * cols);
    const norm = values.reduce((sum, value) => sum + value * value, 0);
    expect(Math.abs((all?.sumSquaresA as number) / norm - 1)).toBeLessThan(1e-9);
    expect(all?.sumSquares).toBe(some?.sumSquares);
  });

  it("counts elements of types that have no arithmetic here, and measures none", async () => {
    const bytes = new Uint8Array(300_000);
    const changed = bytes.slice();
    changed.fill(1, 262_140, 262_149);
    const a = tensorOf("a", "I32", [75_000], bytes);
    const outcome = await compare(a, tensorOf("b", "I32", [75_000], changed), false);
    expect([outcome?.different, outcome?.measured]).toEqual([3, 0]);
  });
});
