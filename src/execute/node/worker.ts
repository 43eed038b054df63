// The body of a worker thread: takes jobs from the shared counters, answers their reads and writes synchronously.
import { parentPort, workerData } from "node:worker_threads";
import {
  closeFileSync,
  openToReadSync,
  openToWriteSync,
  readSyncFully,
  writeSyncFully,
} from "../../bytes/node/index.ts";
import { isTenonError } from "../../core/index.ts";
import { Kernel } from "../../ops/index.ts";
import { extentsIn } from "../extent-table.ts";
import { runJob } from "../run-job.ts";
import { addOutcome, type Batch, emptyOutcome, type Io, type Outcome, type Task } from "../task.ts";
import { counters, JobCounter } from "./counters.ts";

/** What the pool hands to each worker. */
export interface WorkerInput {
  readonly batch: Batch;
  readonly shared: SharedArrayBuffer;
  readonly kernelBytes: number;
}

/** What a worker sends back, once, at its end. */
export type WorkerReport =
  | { readonly outcomes: ReadonlyMap<number, Outcome> }
  | {
      readonly error: {
        readonly className: string;
        readonly code?: string;
        readonly message: string;
        readonly details?: unknown;
        readonly hint?: string | undefined;
      };
    };

class Files {
  readonly #open = new Map<string, number>();
  readonly #batch: Batch;

  constructor(batch: Batch) {
    this.#batch = batch;
  }

  answer(kernel: Kernel, io: Io): void {
    const bytes = kernel.bytes(io.pointer, io.byteLength);
    if (io.kind === "write") {
      const path = this.#batch.outputs[io.file]?.localPath as string;
      writeSyncFully(this.#fd(path, openToWriteSync), io.byteOffset, bytes, path);
      return;
    }
    let start = 0;
    for (const { path, byteOffset, byteLength } of extentsIn(this.#batch.extents, io.id)) {
      const from = Math.max(io.byteOffset, start);
      const to = Math.min(io.byteOffset + io.byteLength, start + byteLength);
      if (from < to) {
        const into = bytes.subarray(from - io.byteOffset, to - io.byteOffset);
        readSyncFully(this.#fd(path, openToReadSync), byteOffset + from - start, into, path);
      }
      start += byteLength;
    }
    if (io.byteOffset + io.byteLength > start) throw new Error(`internal: read past the end of ${io.id}`);
  }

  close(): void {
    for (const [path, fd] of this.#open) closeFileSync(fd, path);
  }

  #fd(path: string, open: (path: string) => number): number {
    const known = this.#open.get(path);
    if (known !== undefined) return known;
    const fd = open(path);
    this.#open.set(path, fd);
    return fd;
  }
}

function runAll({ batch, shared, kernelBytes }: WorkerInput): ReadonlyMap<number, Outcome> {
  const kernel = Kernel.open({ maxBytes: kernelBytes });
  const counter = new JobCounter(shared, batch.lanes);
  const files = new Files(batch);
  const outcomes = new Map<number, Outcome>();
  try {
    for (let next = counter.next(); next !== undefined; next = counter.next()) {
      const job = batch.jobs[next] as Batch["jobs"][number];
      const run = runJob(kernel, batch.tasks[job.task] as Task, job, batch.options);
      let step = run.next();
      while (!step.done) {
        files.answer(kernel, step.value);
        step = run.next();
      }
      const sum = outcomes.get(job.task) ?? emptyOutcome();
      addOutcome(sum, step.value);
      outcomes.set(job.task, sum);
      counter.addBytes(job.byteLength);
    }
  } finally {
    files.close();
  }
  return outcomes;
}

function describe(error: unknown): WorkerReport {
  if (!isTenonError(error)) {
    const message = error instanceof Error ? (error.stack ?? error.message) : String(error);
    return { error: { className: "Error", message } };
  }
  const { name: className, code, message, details, hint } = error;
  return { error: { className, code, message, details, hint } };
}

const input = workerData as WorkerInput;
try {
  parentPort?.postMessage({ outcomes: runAll(input) } satisfies WorkerReport);
} catch (error) {
  Atomics.store(counters(input.shared), 0, 1);
  parentPort?.postMessage(describe(error));
}
