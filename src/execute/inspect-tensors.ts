import { type BatchOptions, runBatch } from "./run-batch.ts";
import { jobsOf } from "./schedule.ts";
import type { DigestKind, InspectTask, Outcome } from "./task.ts";

export interface InspectOptions extends BatchOptions {
  readonly digest: DigestKind;
}

/**
 * Reads tensors whole and judges them, block by block: digests, counts of NaN and infinity, differences. Changes nothing.
 * In worker threads where every tensor lies in local files, else on this thread; the outcomes are the same.
 * @returns one outcome a task, in the order of the tasks
 * @throws what reading throws, for the first tensor that cannot be read; InterruptedError TENON_INTERRUPTED
 */
export async function inspectTensors(
  tasks: readonly InspectTask[],
  options: InspectOptions,
): Promise<readonly Outcome[]> {
  const job = { accumulate: "muladd", digest: options.digest, prove: "none", factorBytes: 0 } as const;
  const jobs = jobsOf(tasks, job.factorBytes);
  const batch = {
    tasks,
    jobs,
    lanes: [{ start: 0, end: jobs.length }],
    outputs: [],
    options: job,
  };
  return runBatch(batch, true, nothingToWrite, options);
}

/** The digest of a tensor as reports and certificates spell it: `xxh3-blocks:` and 16 hex digits. */
export function digestText(digest: bigint): string {
  return `xxh3-blocks:${BigInt.asUintN(64, digest).toString(16).padStart(16, "0")}`;
}

function nothingToWrite(): Promise<void> {
  throw new Error("internal: an inspection wrote");
}
