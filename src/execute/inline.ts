import { type Tensor, throwIfAborted } from "../core/index.ts";
import type { Kernel } from "../ops/index.ts";
import { runJob } from "./run-job.ts";
import { addOutcome, type Batch, emptyOutcome, type Io, type Outcome } from "./task.ts";

export interface RunControl {
  readonly signal?: AbortSignal;
  /** Called with bytes done since the last call. */
  readonly onBytes?: (byteLength: number) => void;
}

/** Where an inline run writes: one entry for each output file. */
export type WriteBytes = (file: number, byteOffset: number, bytes: Uint8Array) => Promise<void>;

/** Runs every job on this thread, asynchronously: for browsers, and for tensors that no other thread can open. */
export async function runInline(
  kernel: Kernel,
  batch: Batch,
  resolve: (id: string) => Tensor,
  write: WriteBytes,
  control: RunControl,
): Promise<Outcome[]> {
  const outcomes = batch.tasks.map(emptyOutcome);
  for (const job of batch.jobs) {
    throwIfAborted(control.signal);
    const run = runJob(kernel, batch.tasks[job.task] as (typeof batch.tasks)[number], job, batch.options);
    let step = run.next();
    while (!step.done) {
      await answer(kernel, step.value, resolve, write, control.signal);
      step = run.next();
    }
    addOutcome(outcomes[job.task] as Outcome, step.value);
    control.onBytes?.(job.byteLength);
  }
  return outcomes;
}

async function answer(
  kernel: Kernel,
  io: Io,
  resolve: (id: string) => Tensor,
  write: WriteBytes,
  signal: AbortSignal | undefined,
): Promise<void> {
  const bytes = kernel.bytes(io.pointer, io.byteLength);
  if (io.kind === "read") await resolve(io.id).read(io.byteOffset, bytes, signal);
  else await write(io.file, io.byteOffset, bytes);
}
