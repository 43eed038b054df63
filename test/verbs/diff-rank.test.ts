import { describe, expect, it } from "vitest";
import { memoryTree } from "../../src/bytes/index.ts";
import type { Progress } from "../../src/core/index.ts";
import { json } from "./golden.ts";
import { fixture, tenon } from "./tenon.ts";
import { type Stored, safetensorsFile } from "./tensor-files.ts";

const matrix = (rows: number, cols: number, value: (i: number, j: number) => number): Stored => {
  const values = Float32Array.from({ length: rows * cols }, (_, at) =>
    value(Math.floor(at / cols), at % cols),
  );
  return { dtype: "F32", shape: [rows, cols], bytes: new Uint8Array(values.buffer) };
};

const model = (tensors: Record<string, Stored>): ReturnType<typeof memoryTree> =>
  memoryTree(new Map([["model.safetensors", safetensorsFile(new Map(Object.entries(tensors)))]]));

const ranksOf = (report: Awaited<ReturnType<typeof tenon.diff>>): unknown[] =>
  report.tensors.flatMap(({ changeRank }) => (changeRank === undefined ? [] : [changeRank?.rank ?? null]));

describe("the rank of what a merge by PEFT changed", () => {
  it.each(["linear-bf16", "linear-f16", "linear-f32", "linear-r1", "gpt2-conv1d", "embedding", "rslora"])(
    "is the adapter's in every matrix: %s",
    async (name) => {
      const { base } = json(`merge/${name}/case.json`) as { base: string };
      const { r } = json(`merge/${name}/adapter/adapter_config.json`);
      const report = await tenon.diff(fixture(base), fixture(`merge/${name}/expected`), { rank: true });
      const ranks = ranksOf(report);
      expect(ranks).toHaveLength(report.byStatus.changed);
      expect(new Set(ranks)).toEqual(new Set([r]));
      expect(report.components[0]?.changeRanks).toEqual({ least: r, most: r, isMore: false });
    },
  );

  it("is full where the whole base was trained", async () => {
    const report = await tenon.diff(fixture("hybrid/qv/base"), fixture("hybrid/qv/truth/base"), {
      rank: true,
    });
    const matrices = report.tensors.filter(({ a }) => a?.shape.length === 2);
    expect(matrices.length).toBeGreaterThan(10);
    for (const { changeRank, a } of matrices) expect(changeRank?.rank).toBe(Math.min(...(a?.shape ?? [])));
    expect(report.layers.find(({ name }) => name === "model.layers.0")?.changeRanks?.least).toBe(16);
  });
});

describe("the rank of a change", () => {
  const a = matrix(6, 5, (i, j) => Math.sin(i * 5 + j));

  it("is not asked for unless it is", async () => {
    const report = await tenon.diff(fixture("base/llama-bf16"), fixture("merge/linear-bf16/expected"));
    expect(report.tensors.every((row) => !("changeRank" in row))).toBe(true);
    expect(report.components.every((sum) => !("changeRanks" in sum))).toBe(true);
  });

  it("is of changed matrices alone, and null where NaN leaves none", async () => {
    const row: Stored = { dtype: "F32", shape: [5], bytes: a.bytes.slice(0, 20) };
    const b = matrix(6, 5, (i, j) => Math.sin(i * 5 + j) + i * (j + 1));
    const broken = matrix(6, 5, (i) => (i === 3 ? Number.NaN : 0));
    const report = await tenon.diff(
      model({ "same.weight": a, "one.weight": a, "nan.weight": a, "norm.weight": row }),
      model({
        "same.weight": a,
        "one.weight": b,
        "nan.weight": broken,
        "norm.weight": { ...row, bytes: b.bytes.slice(20, 40) },
      }),
      { rank: true },
    );
    const found = Object.fromEntries(report.tensors.map(({ name, changeRank }) => [name, changeRank]));
    expect(found["one.weight"]).toMatchObject({ rank: 1, isMore: false, isExact: true });
    expect(found["nan.weight"]).toBeNull();
    expect(found["same.weight"]).toBeUndefined();
    expect(found["norm.weight"]).toBeUndefined();
    expect(JSON.parse(JSON.stringify(report))).toEqual(report);
  });

  it("of a large matrix comes from a sketch, reports progress and stops when asked to", async () => {
    const [rows, cols] = [400, 600];
    const large = matrix(rows, cols, (i, j) => Math.sin(i * 37 + j * j));
    const tuned = matrix(
      rows,
      cols,
      (i, j) => Math.sin(i * 37 + j * j) + 0.1 * Math.cos(i * 3) * Math.sin(j) + 0.1 * (i % 7),
    );
    const seen: Progress[] = [];
    const sides = [model({ "w.weight": large }), model({ "w.weight": tuned })] as const;
    const report = await tenon.diff(...sides, {
      rank: true,
      onProgress: (progress) => void (progress.task === "rank" && seen.push(progress)),
    });
    expect(report.tensors[0]?.changeRank).toMatchObject({ rank: 2, isMore: false, isExact: false });
    expect(seen.at(-1)).toMatchObject({ doneBytes: 4 * rows * cols * 4, totalBytes: 4 * rows * cols * 4 });
    const done = seen.map(({ doneBytes }) => doneBytes);
    expect(done).toEqual([...done].sort((x, y) => x - y));
    const controller = new AbortController();
    const run = tenon.diff(...sides, {
      rank: true,
      signal: controller.signal,
      onProgress: ({ task }) => void (task === "rank" && controller.abort()),
    });
    await expect(run).rejects.toMatchObject({ code: "TENON_INTERRUPTED" });
  });
});
