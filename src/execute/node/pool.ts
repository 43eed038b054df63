import { open } from "node:fs/promises";
import { setTimeout as pause } from "node:timers/promises";
import { Worker } from "node:worker_threads";
import {
  ConflictError,
  FormatError,
  InterruptedError,
  PlanError,
  ResourceError,
  throwIfAborted,
  UnsupportedError,
  UsageError,
} from "../../core/index.ts";
import type { RunControl } from "../inline.ts";
import { addOutcome, type Batch, emptyOutcome, type Outcome } from "../task.ts";
import { bytesDone, counters, sharedFor } from "./counters.ts";
import type { WorkerInput, WorkerReport } from "./worker.ts";

export interface PoolOptions extends RunControl {
  readonly threads: number;
  /** Limit of each thread's kernel memory. */
  readonly kernelBytes: number;
  /** The worker's entry; default `worker.js` beside this module, as it is built. */
  readonly workerUrl?: URL;
}

/** Small heaps: tensors live in the kernel's memory, and every MiB of heap counts once a thread. */
const resourceLimits = { maxOldGenerationSizeMb: 64, maxYoungGenerationSizeMb: 4 };
const progressMs = 100;

/**
 * Runs a batch whose tensors and outputs are all local files in worker threads.
 *
 * Data never crosses threads: workers read and write by themselves and take jobs from shared counters. Meanwhile this
 * thread flushes the output files, so that little is left to wait for at the commit.
 * @throws what a worker threw, as the same class with the same code; InterruptedError when aborted
 */
export async function runInThreads(batch: Batch, options: PoolOptions): Promise<Outcome[]> {
  throwIfAborted(options.signal);
  const shared = sharedFor(batch.lanes.length);
  const stop = (): void => void Atomics.store(counters(shared), 0, 1);
  options.signal?.addEventListener("abort", stop);
  const ended = new AbortController();
  const flushing = flushUntil(ended.signal, batch);
  const ticking = setInterval(reportBytes, progressMs);
  let reported = 0;
  function reportBytes(): void {
    const done = bytesDone(shared);
    if (done > reported) options.onBytes?.(done - reported);
    reported = done;
  }
  try {
    const url = options.workerUrl ?? new URL("./worker.js", import.meta.url);
    const threads = Math.max(1, Math.min(options.threads, batch.jobs.length));
    const input: WorkerInput = { batch, shared, kernelBytes: options.kernelBytes };
    // All of them, also after a failure: a worker that still writes must not meet a caller that cleans up.
    const ends = await Promise.allSettled(Array.from({ length: threads }, () => runWorker(url, input, stop)));
    throwIfAborted(options.signal);
    const reports = ends.map((end) => {
      if (end.status === "rejected") throw end.reason;
      return end.value;
    });
    reportBytes();
    return combine(batch, reports, bytesDone(shared));
  } finally {
    ended.abort();
    clearInterval(ticking);
    options.signal?.removeEventListener("abort", stop);
    await flushing;
  }
}

function runWorker(url: URL, workerData: WorkerInput, stop: () => void): Promise<WorkerReport> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(url, { workerData, resourceLimits, stderr: false });
    let report: WorkerReport | undefined;
    let failure: unknown;
    worker.on("message", (message: WorkerReport) => {
      report = message;
    });
    worker.on("error", (error) => {
      failure = error;
    });
    worker.on("exit", (code) => {
      if (failure === undefined && report !== undefined) return resolve(report);
      stop();
      reject(failure ?? new Error(`internal: a worker ended with code ${code} and no report`));
    });
  });
}

function combine(batch: Batch, reports: readonly WorkerReport[], doneBytes: number): Outcome[] {
  const outcomes = batch.tasks.map(emptyOutcome);
  for (const report of reports) {
    if ("error" in report) throw revive(report.error);
    for (const [task, outcome] of report.outcomes) addOutcome(outcomes[task] as Outcome, outcome);
  }
  const totalBytes = batch.jobs.reduce((sum, { byteLength }) => sum + byteLength, 0);
  if (doneBytes !== totalBytes) throw new Error(`internal: ${doneBytes} of ${totalBytes} bytes were done`);
  return outcomes;
}

const classes = {
  ConflictError,
  FormatError,
  InterruptedError,
  PlanError,
  ResourceError,
  UnsupportedError,
  UsageError,
};

/** Structured cloning keeps an error's message but not its class and code. */
function revive(error: Extract<WorkerReport, { readonly error: unknown }>["error"]): Error {
  const { className, code, message, details, hint } = error;
  const known = Object.hasOwn(classes, className) ? classes[className as keyof typeof classes] : undefined;
  if (known === undefined || code === undefined) return new Error(message);
  return new known(code, message, {
    details: details as Record<string, unknown>,
    ...(hint === undefined ? {} : { hint }),
  });
}

/** Only a head start: the commit syncs every file through a handle of its own and reports what fails. */
async function flushUntil(end: AbortSignal, batch: Batch): Promise<void> {
  const paths = batch.outputs.flatMap(({ localPath }) => (localPath === undefined ? [] : [localPath]));
  const opened = await Promise.allSettled(paths.map((path) => open(path, "r+")));
  const handles = opened.flatMap((each) => (each.status === "fulfilled" ? [each.value] : []));
  try {
    while (!end.aborted && handles.length > 0) {
      for (const handle of handles) if (!end.aborted) await handle.datasync();
      await pause(progressMs, undefined, { signal: end });
    }
  } catch {
    // Either the end came, or the same failure reaches the handle that the commit syncs: Linux reports it once to each
    // open file.
  } finally {
    await Promise.allSettled(handles.map((handle) => handle.close()));
  }
}
