import { UsageError } from "../core/index.ts";
import { jobsOf, type RunInThreads, type Task } from "../execute/index.ts";
import type { PeakMemory } from "../plan/index.ts";
import type { Host } from "./host.ts";
import type { RunOptions } from "./options.ts";

const defaultMemoryBytes = 96 * 1024 * 1024;
/** A tile in and out, its factors and the sums over it; below this even a narrow layer does not fit. */
const leastBytesPerThread = 16 * 1024 * 1024;

/** How one run shares its memory out. */
export interface RunPlan {
  readonly threads: number;
  /** Limit of each thread's kernel memory, in bytes. */
  readonly kernelBytes: number;
  /** Of those, for the factors of one low-rank product. */
  readonly factorBytes: number;
  readonly runInThreads?: RunInThreads;
}

/**
 * Threads and memory of a run. Without a wish, as many threads as the host offers and the budget feeds.
 * @throws UsageError TENON_MEMORY_TOO_SMALL, TENON_THREADS
 */
export function planRun(host: Host, { memoryBytes = defaultMemoryBytes, threads }: RunOptions): RunPlan {
  if (threads !== undefined && (!Number.isSafeInteger(threads) || threads < 1)) {
    throw new UsageError("TENON_THREADS", `threads: ${threads}; a whole number from 1 on is needed`, {
      details: { found: threads },
    });
  }
  const wanted =
    threads ?? Math.min(host.threads, Math.max(1, Math.floor(memoryBytes / leastBytesPerThread)));
  const kernelBytes = Math.floor(memoryBytes / wanted);
  if (kernelBytes < leastBytesPerThread) {
    const needed = wanted * leastBytesPerThread;
    const message = `memory: ${memoryBytes} bytes for ${wanted} threads; at least ${needed} are needed`;
    throw new UsageError("TENON_MEMORY_TOO_SMALL", message, {
      details: { memoryBytes, threads: wanted, needed },
      hint: `Give more, or fewer threads: --memory ${Math.ceil(needed / 1024 / 1024)}MiB`,
    });
  }
  const inThreads = host.inThreads?.(wanted, kernelBytes);
  return {
    threads: wanted,
    kernelBytes,
    factorBytes: Math.floor(kernelBytes / 4),
    ...(inThreads && { runInThreads: inThreads }),
  };
}

/** What a run of these tasks can take at most. @throws as {@link planRun} */
export function peakMemoryOf(host: Host, options: RunOptions, tasks: readonly Task[]): PeakMemory {
  const { threads, kernelBytes, factorBytes, runInThreads } = planRun(host, options);
  const jobs = jobsOf(tasks, factorBytes).length;
  const busy = runInThreads === undefined ? 1 : Math.max(1, Math.min(threads, jobs));
  return { threads: busy, bytes: busy * kernelBytes };
}
