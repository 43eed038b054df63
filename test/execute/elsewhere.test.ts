// A tensor that only the main thread has (an optimizer's step that was a plain number) beside tensors in local files.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { directorySink, localTree } from "../../src/bytes/node/index.ts";
import { byteLengthOf, type OutputFile, type Tensor } from "../../src/core/index.ts";
import { type Batch, executeFiles, inspectTensors, type RunInThreads } from "../../src/execute/index.ts";
import { runInThreads } from "../../src/execute/node/index.ts";
import { formats, safetensors } from "../../src/formats/index.ts";

const workerUrl = new URL("../../dist/worker.js", import.meta.url);
const kernelBytes = 2 ** 26;
const llama = join(import.meta.dirname, "../fixtures/base/llama-f32/model.safetensors");
let directory = "";

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "tenon-elsewhere-"));
});
afterAll(async () => {
  await rm(directory, { recursive: true, force: true });
});

async function opened(): Promise<readonly Tensor[]> {
  const tree = await localTree(llama);
  const source = await tree.open("model.safetensors");
  const stored = (await safetensors.open(source)).tensors;
  const bytes = new Uint8Array(Float32Array.of(3).buffer);
  const step: Tensor = {
    id: "#step",
    name: "step",
    dtype: "F32",
    shape: [1],
    byteLength: byteLengthOf("F32", [1]),
    file: "memory",
    read: async (byteOffset, into) => into.set(bytes.subarray(byteOffset, byteOffset + into.length)),
  };
  return [...stored.slice(0, 3), step, ...stored.slice(3)];
}

const resolver = (tensors: readonly Tensor[]) => {
  const byId = new Map(tensors.map((tensor) => [tensor.id, tensor]));
  return (id: string): Tensor => byId.get(id) as Tensor;
};

/** Names of the tensors whose jobs were given to other threads, and what came of all of them. */
function watching(): { run: RunInThreads; names: Set<string> } {
  const names = new Set<string>();
  const run: RunInThreads = (batch: Batch, control) => {
    for (const { task } of batch.jobs) {
      const of = batch.tasks[task];
      names.add(of?.kind === "inspect" ? of.tensor.name : (of?.name ?? ""));
    }
    return runInThreads(batch, { ...control, threads: 2, kernelBytes, workerUrl });
  };
  return { run, names };
}

describe("a tensor that no other thread can open", () => {
  it("is inspected here, and the others in threads, with the same outcomes", async () => {
    const tensors = await opened();
    const tasks = tensors.map(
      (tensor) => ({ kind: "inspect", name: tensor.name, tensor, scan: true }) as const,
    );
    const common = { resolve: resolver(tensors), kernelBytes, task: "inspect", digest: "fast" } as const;
    const { run, names } = watching();
    const outcomes = await inspectTensors(tasks, { ...common, runInThreads: run });
    expect(outcomes).toEqual(await inspectTensors(tasks, common));
    expect([...names]).toEqual(tensors.map(({ name }) => name).filter((name) => name !== "step"));
  });

  it("is written here, into the file that threads write the others to", async () => {
    const tensors = await opened();
    const recipe = (source: Tensor) => ({ source, dtype: source.dtype, shape: source.shape, steps: [] });
    const entries = tensors.map((tensor) => ({ name: tensor.name, recipe: recipe(tensor) }));
    const files: OutputFile[] = [
      { kind: "tensors", path: "out.safetensors", format: "safetensors", entries, metadata: {} },
    ];
    const { run, names } = watching();
    const output = join(directory, "out");
    const done: number[] = [];
    const sink = await directorySink(output, { force: false });
    await executeFiles(files, {
      formats,
      sink,
      resolve: resolver(tensors),
      runInThreads: run,
      kernelBytes,
      task: "write",
      onProgress: ({ doneBytes }) => void done.push(doneBytes),
      job: { accumulate: "muladd", digest: "fast", prove: "none", factorBytes: 2 ** 20 },
    });
    await sink.commit();
    expect(names.has("step")).toBe(false);
    expect(names.size).toBe(tensors.length - 1);
    expect(done.at(-1)).toBe(tensors.reduce((sum, { byteLength }) => sum + byteLength, 0));
    const tree = await localTree(join(output, "out.safetensors"));
    const written = (await safetensors.open(await tree.open("out.safetensors"))).tensors;
    const bytesOf = async (tensor: Tensor | undefined): Promise<Uint8Array> => {
      const bytes = new Uint8Array(tensor?.byteLength ?? 0);
      await tensor?.read(0, bytes);
      return bytes;
    };
    for (const tensor of tensors) {
      const copy = written.find(({ name }) => name === tensor.name);
      expect(await bytesOf(copy)).toEqual(await bytesOf(tensor));
    }
  });
});
