// What a training checkpoint holds beside the model, and what it gives away about the model.
import type { OptimizerComponent, Shape } from "../core/index.ts";
import type { CheckpointFiles } from "./checkpoint-files.ts";
import { findLostBase, lostBaseObservation } from "./lost-base.ts";
import type { ModelPart } from "./model-part.ts";
import { nameParameters } from "./optimizer-names.ts";
import { readOptimizer } from "./optimizer-state.ts";

/**
 * Reads an optimizer file, names its parameters where that can be proven, and observes `TENON_TRAINED_BASE_LOST` when it
 * trained parameters that an adapter-only save left out. Undefined when there is no such file.
 */
export async function readTrainingState(
  files: CheckpointFiles,
  path: string,
  model: ModelPart,
): Promise<OptimizerComponent | undefined> {
  if ((await files.tree.find(path)) === undefined) return undefined;
  const optimizer = await readOptimizer(files, path);
  if (model.base === undefined || !model.base.isComplete) {
    const lost = findLostBase(optimizer, savedShapes(model));
    if (lost !== undefined) files.notices.note(lostBaseObservation(optimizer, lost));
  }
  const { paramOrder, knownBase } = files.options;
  return nameParameters(optimizer, model, {
    ...(paramOrder && { paramOrder }),
    ...(knownBase && { knownBase }),
  });
}

function savedShapes({ entries }: ModelPart): Shape[] {
  return entries.map(({ tensor }) => tensor.shape);
}
