import { readdirSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { memorySink } from "../../src/bytes/index.ts";
import { directorySink, openFile } from "../../src/bytes/node/index.ts";
import type { OutputFile, Recipe, Step, Tensor } from "../../src/core/index.ts";
import { errorBound, executeFiles, type JobOptions } from "../../src/execute/index.ts";
import { isFileLike, runInThreads } from "../../src/execute/node/index.ts";
import { formats, safetensors } from "../../src/formats/index.ts";

const fixtures = join(import.meta.dirname, "../fixtures");
const closing: { close(): Promise<void> }[] = [];

async function tensorsOf(directory: string): Promise<Map<string, Tensor>> {
  const all = new Map<string, Tensor>();
  for (const file of readdirSync(directory)
    .filter((name) => name.endsWith(".safetensors"))
    .sort()) {
    const path = join(directory, file);
    const source = await openFile(path, { path: file, location: path });
    closing.push(source);
    for (const tensor of (await safetensors.open(source)).tensors) all.set(tensor.name, tensor);
  }
  return all;
}

async function bytesOf(tensor: Tensor): Promise<Uint8Array> {
  const bytes = new Uint8Array(tensor.byteLength);
  await tensor.read(0, bytes);
  return bytes;
}

/** Recipes for a plain Linear LoRA of one rank and scaling, in one output file for each file of the base. */
function linearMerge(
  base: ReadonlyMap<string, Tensor>,
  adapter: ReadonlyMap<string, Tensor>,
  scaling: number,
  roundDelta: boolean,
): OutputFile[] {
  const files = new Map<string, { name: string; recipe: Recipe }[]>();
  for (const tensor of base.values()) {
    const module = tensor.name.replace(/\.weight$/, "");
    const a = adapter.get(`base_model.model.${module}.lora_A.weight`);
    const b = adapter.get(`base_model.model.${module}.lora_B.weight`);
    const steps: Step[] = [];
    if (a !== undefined && b !== undefined) {
      const [rows, cols] = tensor.shape as [number, number];
      const loraRank = a.shape[0] as number;
      steps.push({
        kind: "addLowRank", roundDelta, batches: 1, rows, cols, loraRank, scaling, adapter: "default", module,
        left: { tensor: b, offset: 0, batch: 0, outer: loraRank, inner: 1 },
        right: { tensor: a, offset: 0, batch: 0, outer: 1, inner: cols },
      }); // biome-ignore format: one step
    }
    const recipe: Recipe = { source: tensor, dtype: tensor.dtype, shape: tensor.shape, steps };
    files.set(tensor.file, [...(files.get(tensor.file) ?? []), { name: tensor.name, recipe }]);
  }
  return [...files].map(([path, entries]) => ({
    kind: "tensors",
    path,
    format: "safetensors",
    entries,
    metadata: { format: "pt" },
  }));
}

const job: JobOptions = { accumulate: "fma", digest: "fast", prove: "full", factorBytes: 32 * 1024 * 1024 };
const kernelBytes = 512 * 1024 * 1024;

const cases = [
  { name: "linear-bf16", base: "llama-bf16", expected: "expected", roundDelta: false },
  { name: "linear-bf16", base: "llama-bf16", expected: "expected-safe", roundDelta: true },
  { name: "linear-f16", base: "llama-f16", expected: "expected", roundDelta: false },
  { name: "linear-f32", base: "llama-f32", expected: "expected", roundDelta: false },
  { name: "linear-bf16-adapter-bf16", base: "llama-small-bf16", expected: "expected", roundDelta: false },
];

describe.each(cases)(
  "merging $name into $base, compared with PEFT's $expected",
  ({ name, base, expected, roundDelta }) => {
    let scratch = "";
    const byId = new Map<string, Tensor>();
    let files: OutputFile[] = [];
    let truth = new Map<string, Tensor>();

    beforeAll(async () => {
      scratch = await mkdtemp(join(tmpdir(), "tenon-golden-"));
      const baseTensors = await tensorsOf(join(fixtures, "base", base));
      const adapter = await tensorsOf(join(fixtures, "merge", name, "adapter"));
      const config = await import(join(fixtures, "merge", name, "adapter/adapter_config.json"), {
        with: { type: "json" },
      });
      truth = await tensorsOf(join(fixtures, "merge", name, expected));
      for (const tensor of [...baseTensors.values(), ...adapter.values()]) byId.set(tensor.id, tensor);
      const { lora_alpha: loraAlpha, r } = config.default as { lora_alpha: number; r: number };
      files = linearMerge(baseTensors, adapter, loraAlpha / r, roundDelta);
    });
    afterAll(async () => {
      await rm(scratch, { recursive: true, force: true });
    });

    const resolve = (id: string): Tensor => byId.get(id) as Tensor;

    async function check(written: ReadonlyMap<string, Tensor>): Promise<void> {
      expect([...written.keys()].sort()).toEqual([...truth.keys()].sort());
      for (const [tensorName, tensor] of truth) {
        expect(await bytesOf(written.get(tensorName) as Tensor), tensorName).toEqual(await bytesOf(tensor));
      }
    }

    it("gives PEFT's bits on one thread", async () => {
      const sink = memorySink();
      const report = await executeFiles(files, { formats, resolve, sink, job, kernelBytes, task: "merge" });
      await sink.commit();
      const directory = await directorySink(join(scratch, "inline"));
      for (const [path, bytes] of sink.files) {
        const file = await directory.create(path, bytes.length);
        await file.write(0, bytes);
        await file.close();
      }
      await directory.commit();
      await check(await tensorsOf(join(scratch, "inline")));
      const merged = report.filter(({ task }) => task.recipe.steps.length > 0);
      expect(merged.length).toBeGreaterThan(0);
      for (const { outcome, task } of merged) {
        expect(outcome.changed).toBeGreaterThan(0);
        expect(outcome.provenRows).toBe(task.recipe.shape[0]);
        expect(outcome.maxError).toBeGreaterThan(0);
        expect(outcome.maxError).toBeLessThanOrEqual(errorBound(task.recipe) as number);
      }
      for (const { outcome, task } of report)
        if (task.recipe.steps.length === 0) expect(outcome.changed).toBe(0);
    });

    it("gives the same bits and digests in worker threads as on one thread, whichever thread takes a job", async () => {
      const inline = memorySink();
      const expectedReport = await executeFiles(files, {
        formats,
        resolve,
        sink: inline,
        job,
        kernelBytes,
        task: "merge",
      });
      const workerUrl = new URL("../../dist/worker.js", import.meta.url);
      const sink = await directorySink(join(scratch, "threads"));
      const progress: number[] = [];
      const report = await executeFiles(files, {
      formats, resolve, sink, job, kernelBytes, task: "merge", isFileLike,
      onProgress: ({ doneBytes }) => progress.push(doneBytes),
      runInThreads: (batch, control) => runInThreads(batch, { ...control, threads: cpus().length, kernelBytes, workerUrl }),
    }); // biome-ignore format: one call
      await sink.commit();
      await check(await tensorsOf(join(scratch, "threads")));
      expect(report.map(({ outcome }) => outcome)).toEqual(expectedReport.map(({ outcome }) => outcome));
      expect(progress.at(-1)).toBe(report.reduce((sum, { task }) => sum + task.recipe.source.byteLength, 0));
    });
  },
);

afterAll(async () => {
  for (const source of closing) await source.close();
});
