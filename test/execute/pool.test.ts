import { mkdtemp, readFile, rm, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { isTenonError, type Recipe } from "../../src/core/index.ts";
import { ExtentTableBuilder } from "../../src/execute/extent-table.ts";
import { type Batch, jobsOf, type WriteTask } from "../../src/execute/index.ts";
import { type PoolOptions, runInThreads } from "../../src/execute/node/index.ts";

const workerUrl = new URL("../../dist/worker.js", import.meta.url);
const byteLength = 64 * 1024 * 1024;
let directory = "";
let input = "";

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "tenon-pool-"));
  input = join(directory, "in.bin");
  await writeFile(input, Buffer.alloc(byteLength, 7));
});
afterAll(async () => {
  await rm(directory, { recursive: true, force: true });
});

/** Copies a file of 64 MiB, in jobs for several threads. */
async function copyBatch(from: string, to: string): Promise<Batch> {
  await writeFile(to, "");
  await truncate(to, byteLength);
  const source = { id: "in", name: "in", dtype: "U8", shape: [byteLength], byteLength } as const;
  const recipe: Recipe = { source, dtype: "U8", shape: source.shape, steps: [] };
  const task: WriteTask = { kind: "write", name: "in", recipe, file: 0, byteOffset: 0, isWritten: true };
  const jobs = jobsOf([task], 2 ** 20);
  const extents = new ExtentTableBuilder();
  extents.add("in", [{ path: from, byteOffset: 0, byteLength }]);
  return {
    tasks: [task],
    jobs,
    lanes: [{ start: 0, end: jobs.length }],
    extents: extents.table(),
    outputs: [{ path: "out.bin", byteLength, localPath: to }],
    options: { accumulate: "muladd", digest: "fast", prove: "none", factorBytes: 2 ** 20 },
  };
}

const options = (more: Partial<PoolOptions> = {}): PoolOptions => ({
  threads: 2,
  kernelBytes: 2 ** 26,
  workerUrl,
  ...more,
});

async function failureOf(run: Promise<unknown>): Promise<unknown> {
  try {
    await run;
  } catch (error) {
    return error;
  }
  throw new Error("nothing was thrown");
}

describe("worker threads", () => {
  it("do every byte of every job once", async () => {
    const to = join(directory, "copy.bin");
    const [outcome] = await runInThreads(await copyBatch(input, to), options());
    expect((await readFile(to)).equals(await readFile(input))).toBe(true);
    expect(outcome?.digest).not.toBe(0n);
  });

  it("hand back an error of theirs with its class, code and path", async () => {
    const batch = await copyBatch(join(directory, "absent.bin"), join(directory, "a.bin"));
    const error = await failureOf(runInThreads(batch, options()));
    expect(isTenonError(error) && [error.name, error.code]).toEqual(["ResourceError", "TENON_BYTES_OPEN"]);
    expect(String(error)).toContain("absent.bin");
  });

  it("say so when a file ends before its tensor does", async () => {
    const short = join(directory, "short.bin");
    await writeFile(short, Buffer.alloc(1000));
    const error = await failureOf(runInThreads(await copyBatch(short, join(directory, "b.bin")), options()));
    expect(isTenonError(error) && [error.name, error.code]).toEqual(["FormatError", "TENON_BYTES_PAST_END"]);
  });

  it("stop when the caller aborts", async () => {
    const controller = new AbortController();
    const batch = await copyBatch(input, join(directory, "c.bin"));
    const run = runInThreads(batch, options({ signal: controller.signal }));
    controller.abort();
    const error = await failureOf(run);
    expect(isTenonError(error) && [error.code, error.exitCode]).toEqual(["TENON_INTERRUPTED", 130]);
  });

  it("have all ended when a run fails because one of them crashed", async () => {
    // The first thread to come dies; the second leaves a mark, late. A pool that does not wait misses the mark.
    const mark = join(directory, "mark");
    const code = `
      import { workerData, parentPort } from "node:worker_threads";
      import { writeFileSync } from "node:fs";
      const seat = Atomics.add(new Int32Array(workerData.shared, 8), 1, 1);
      if (seat === 0) throw new Error("crash");
      setTimeout(() => { writeFileSync(${JSON.stringify(mark)}, "late"); parentPort.postMessage({ outcomes: new Map() }); }, 700);
    `;
    const url = join(directory, "crash.mjs");
    await writeFile(url, code);
    const batch = await copyBatch(input, join(directory, "d.bin"));
    const run = runInThreads(batch, options({ workerUrl: new URL(`file://${url}`) }));
    expect(String(await failureOf(run))).toContain("crash");
    expect(await readFile(mark, "utf8")).toBe("late");
  });

  it("do not pass off a run that left bytes undone as a whole one", async () => {
    const url = join(directory, "idle.mjs");
    await writeFile(
      url,
      `import { parentPort } from "node:worker_threads"; parentPort.postMessage({ outcomes: new Map() });`,
    );
    const batch = await copyBatch(input, join(directory, "e.bin"));
    const error = await failureOf(runInThreads(batch, options({ workerUrl: new URL(`file://${url}`) })));
    expect(String(error)).toMatch(/internal: 0 of 67108864 bytes were done/);
  });
});
