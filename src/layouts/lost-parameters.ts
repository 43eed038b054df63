import { canonicalName } from "../adapters/index.ts";
import type { OptimizerComponent } from "../core/index.ts";
import type { CheckpointFiles } from "./checkpoint-files.ts";
import { parameterShape } from "./lost-base.ts";
import type { ModelPart } from "./model-part.ts";

/**
 * Observes `TENON_TRAINED_BASE_LOST` for an optimizer that names parameters: those that have moments and no weights.
 * Nothing is said of a checkpoint that holds no weights at all.
 */
export function noteLostParameters(
  files: CheckpointFiles,
  { base, adapters, entries }: ModelPart,
  optimizer: OptimizerComponent,
): void {
  if (entries.length === 0) return;
  const held = new Set([...(base?.tensors.keys() ?? []), ...(base?.ties.keys() ?? [])]);
  for (const [adapter, { entries: own }] of adapters)
    for (const { meaning } of own) held.add(canonicalName({ ...meaning, adapter }));
  noteLost(
    files,
    optimizer,
    [...optimizer.states.keys()].filter((name) => !held.has(name)),
  );
}

/** Observes that the weights of these parameters of an optimizer are lost. */
export function noteLost(
  files: CheckpointFiles,
  optimizer: OptimizerComponent,
  lost: readonly string[],
): void {
  if (lost.length === 0) return;
  const shapes = new Map<string, number>();
  for (const name of lost) {
    const shape = `[${parameterShape(optimizer.states.get(name) ?? new Map())?.join(", ") ?? "?"}]`;
    shapes.set(shape, (shapes.get(shape) ?? 0) + 1);
  }
  files.notices.note({
    code: "TENON_TRAINED_BASE_LOST",
    names: lost,
    facts: {
      count: lost.length,
      file: optimizer.file,
      states: optimizer.states.size,
      shapes: [...shapes].map(([shape, count]) => `${shape} × ${count}`),
    },
  });
}
