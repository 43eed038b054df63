import { type OnProgress, type Tensor, throwIfAborted } from "../core/index.ts";
import { Kernel } from "../ops/index.ts";
import { type RunControl, runInline, type WriteBytes } from "./inline.ts";
import { type Batch, emptyOutcome, type Outcome } from "./task.ts";

/** Runs a batch in other threads; given where there are any (`execute/node`). */
export type RunInThreads = (batch: Batch, control: RunControl) => Promise<Outcome[]>;

/** How a batch runs. */
export interface BatchOptions {
  /** Tensor id → the lazy tensor. */
  readonly resolve: (id: string) => Tensor;
  readonly runInThreads?: RunInThreads;
  /** Limit of the kernel's memory when this thread does the work. */
  readonly kernelBytes: number;
  /** Named in progress. */
  readonly task: string;
  readonly onProgress?: OnProgress;
  readonly signal?: AbortSignal;
}

/**
 * Runs a batch in worker threads if every file that it touches is local (`isLocal`), else on this thread.
 * @throws what reading, writing and the steps of tasks throw; InterruptedError TENON_INTERRUPTED
 */
export async function runBatch(
  batch: Batch,
  isLocal: boolean,
  write: WriteBytes,
  options: BatchOptions,
): Promise<readonly Outcome[]> {
  throwIfAborted(options.signal);
  if (batch.jobs.length === 0) return batch.tasks.map(emptyOutcome);
  const totalBytes = batch.jobs.reduce((sum, { byteLength }) => sum + byteLength, 0);
  let doneBytes = 0;
  const control: RunControl = {
    ...(options.signal && { signal: options.signal }),
    onBytes: (byteLength) => {
      doneBytes += byteLength;
      options.onProgress?.({ task: options.task, doneBytes, totalBytes });
    },
  };
  if (options.runInThreads !== undefined && isLocal) return options.runInThreads(batch, control);
  const kernel = await Kernel.createAsync({ maxBytes: options.kernelBytes });
  return runInline(kernel, batch, options.resolve, write, control);
}
