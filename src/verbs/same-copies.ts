import type { Checkpoint, Tensor } from "../core/index.ts";
import { inspectTensors } from "../execute/index.ts";
import type { AdapterChoice, BaseLayer } from "../plan/index.ts";
import type { Host } from "./host.ts";
import type { RunOptions } from "./options.ts";
import { planRun } from "./run.ts";
import { resolver } from "./write-draft.ts";

/**
 * Which copies of one parameter have the same bytes, as `planMerge` wants to know: several adapters that each saved an
 * embedding, and both uses of a tied weight. Only those are read.
 * @returns pairs of tensor ids, joined by a line break
 */
export async function sameCopies(
  host: Host,
  sources: readonly Checkpoint[],
  layers: readonly BaseLayer[],
  choices: readonly AdapterChoice[],
  options: RunOptions,
): Promise<ReadonlySet<string>> {
  const ties = new Map(layers.flatMap(({ base }) => [...base.ties]));
  const copies = new Map<string, Tensor[]>();
  const add = (parameter: string, tensor: Tensor): void => {
    const slot = ties.get(parameter) ?? parameter;
    copies.set(slot, [...(copies.get(slot) ?? []), tensor]);
  };
  for (const { adapter } of choices) {
    for (const { parameter, tensor } of adapter.replacements) add(parameter, tensor);
    for (const [path, rows] of adapter.tokenDeltas) add(`${path}.rows`, rows);
  }
  const pairs = [...copies.values()].flatMap((tensors) => pairsOf(tensors));
  if (pairs.length === 0) return new Set();
  const run = planRun(host, options);
  const outcomes = await inspectTensors(
    pairs.map(([tensor, against]) => ({ kind: "inspect", name: tensor.name, tensor, against, scan: false })),
    {
      resolve: resolver(sources),
      digest: "none",
      kernelBytes: run.kernelBytes,
      task: "compare",
      ...(run.runInThreads && { runInThreads: run.runInThreads }),
      ...(options.onProgress && { onProgress: options.onProgress }),
      ...(options.signal && { signal: options.signal }),
    },
  );
  return new Set(
    pairs.filter((_, index) => outcomes[index]?.different === 0).map(([a, b]) => `${a.id}\n${b.id}`),
  );
}

function pairsOf(tensors: readonly Tensor[]): (readonly [Tensor, Tensor])[] {
  return tensors.flatMap((a, index) =>
    tensors
      .slice(index + 1)
      .filter(
        (b) =>
          a.dtype === b.dtype &&
          a.shape.length === b.shape.length &&
          a.shape.every((size, axis) => size === b.shape[axis]),
      )
      .map((b) => [a, b] as const),
  );
}
