import { type OnProgress, type Tensor, throwIfAborted } from "../core/index.ts";
import { Kernel } from "../ops/index.ts";
import { type RunControl, runInline, type WriteBytes } from "./inline.ts";
import { placesOf, tensorIdsOf } from "./schedule.ts";
import { type Batch, emptyOutcome, type Job, type Outcome, type Task } from "./task.ts";

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
 * Runs a batch: in worker threads what lies in local files, if the outputs are local too (`canThread`), and the rest on this
 * thread. One tensor that no other thread can open does not keep the others from being shared.
 * @throws what reading, writing and the steps of tasks throw; InterruptedError TENON_INTERRUPTED
 */
export async function runBatch(
  batch: Omit<Batch, "extents">,
  canThread: boolean,
  write: WriteBytes,
  options: BatchOptions,
): Promise<readonly Outcome[]> {
  throwIfAborted(options.signal);
  if (batch.jobs.length === 0) return batch.tasks.map(emptyOutcome);
  const control = controlOf(batch, options);
  const { runInThreads } = options;
  // Without threads nobody asks where tensors lie.
  const wanted = runInThreads === undefined || !canThread ? [] : batch.tasks;
  const { extents, elsewhere } = await placesOf(wanted, options.resolve, options.signal);
  const isHere = (task: Task): boolean =>
    runInThreads === undefined || !canThread || tensorIdsOf(task).some((id) => elsewhere.has(id));
  const outcomes = batch.tasks.map(emptyOutcome);
  const here = partOf(batch, isHere);
  if (here.jobs.length > 0) {
    const kernel = await Kernel.createAsync({ maxBytes: options.kernelBytes });
    const found = await runInline(kernel, { ...here, extents }, options.resolve, write, control);
    for (const [at, outcome] of found.entries()) outcomes[here.places[at] as number] = outcome;
  }
  const { places, ...inThreads } = partOf(batch, (task) => !isHere(task));
  if (runInThreads !== undefined && inThreads.jobs.length > 0) {
    const found = await runInThreads({ ...inThreads, extents }, control);
    for (const [at, outcome] of found.entries()) outcomes[places[at] as number] = outcome;
  }
  return outcomes;
}

function controlOf({ jobs }: Pick<Batch, "jobs">, { signal, onProgress, task }: BatchOptions): RunControl {
  const totalBytes = jobs.reduce((sum, { byteLength }) => sum + byteLength, 0);
  let doneBytes = 0;
  return {
    ...(signal && { signal }),
    onBytes: (byteLength) => {
      doneBytes += byteLength;
      onProgress?.({ task, doneBytes, totalBytes });
    },
  };
}

interface Part extends Omit<Batch, "extents"> {
  /** Where each task stands among all. */
  readonly places: readonly number[];
}

/** Some of the tasks, numbered anew, since a tensor of the others may not be sent to a thread; lanes that have no job go. */
function partOf(batch: Omit<Batch, "extents">, keeps: (task: Task) => boolean): Part {
  const places = batch.tasks.flatMap((task, at) => (keeps(task) ? [at] : []));
  const numbers = new Map(places.map((place, at) => [place, at]));
  const jobs: Job[] = [];
  const lanes: { start: number; end: number }[] = [];
  for (const { start, end } of batch.lanes) {
    const before = jobs.length;
    for (const job of batch.jobs.slice(start, end)) {
      const task = numbers.get(job.task);
      if (task !== undefined) jobs.push({ ...job, task });
    }
    if (jobs.length > before) lanes.push({ start: before, end: jobs.length });
  }
  return { ...batch, tasks: places.map((place) => batch.tasks[place] as Task), jobs, lanes, places };
}
