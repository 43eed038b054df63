// What only reading every byte can tell.
import { type Checkpoint, type Tensor, throwIfAborted } from "../core/index.ts";
import { digestText, type InspectTask, inspectTensors } from "../execute/index.ts";
import type { Host } from "./host.ts";
import type { RunOptions } from "./options.ts";
import { planRun } from "./run.ts";
import { resolver, type TensorHolder } from "./write-draft.ts";

/** `xxh3-blocks:…` of each tensor, in order. */
export async function digestsOf(
  host: Host,
  tensors: readonly Tensor[],
  sources: readonly Checkpoint[],
  options: RunOptions,
  task: string,
): Promise<readonly string[]> {
  const outcomes = await inspect(
    host,
    tensors.map((tensor) => ({ kind: "inspect", name: tensor.name, tensor, scan: false })),
    sources,
    options,
    task,
  );
  return outcomes.map(({ digest }) => digestText(digest));
}

/** Runs inspections as this run's memory and threads allow. */
export async function inspect(
  host: Host,
  tasks: readonly InspectTask[],
  sources: readonly TensorHolder[],
  options: RunOptions,
  task: string,
): ReturnType<typeof inspectTensors> {
  throwIfAborted(options.signal);
  const { kernelBytes, runInThreads } = planRun(host, options);
  return inspectTensors(tasks, {
    digest: "fast",
    resolve: resolver(sources),
    kernelBytes,
    task,
    ...(runInThreads && { runInThreads }),
    ...(options.onProgress && { onProgress: options.onProgress }),
    ...(options.signal && { signal: options.signal }),
  });
}
