import type { Kernel } from "../ops/index.ts";
import { inspectJob } from "./inspect-job.ts";
import { emptyOutcome, type Io, type Job, type JobOptions, type Outcome, type Task } from "./task.ts";
import { writeJob } from "./write-job.ts";

/**
 * Runs one job as a coroutine: it yields every read and write, so that a worker thread can answer them
 * synchronously and a browser asynchronously, with the same arithmetic in between. One block is in memory at a time.
 */
export function* runJob(kernel: Kernel, task: Task, job: Job, options: JobOptions): Generator<Io, Outcome> {
  const outcome = emptyOutcome();
  const mark = kernel.mark();
  try {
    if (task.kind === "write") yield* writeJob(kernel, task, job, options, outcome);
    else yield* inspectJob(kernel, task, job, options, outcome);
  } finally {
    kernel.release(mark);
  }
  return outcome;
}
