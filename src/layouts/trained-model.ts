// Model and optimizer of a checkpoint of the Trainer or of Accelerate, from the places where FSDP puts them if it has any.
import { canonicalName, readNames } from "../adapters/index.ts";
import type { FileEntry, OptimizerComponent, Tensor } from "../core/index.ts";
import { isTenonError } from "../core/index.ts";
import { isAdapterWeights } from "./adapter-files.ts";
import { canonicalNames } from "./canonical-names.ts";
import type { CheckpointFiles } from "./checkpoint-files.ts";
import type { DcpFolder } from "./dcp/read.ts";
import { rootPaths } from "./evidence.ts";
import { type FsdpPlaces, fsdpPlacesIn } from "./fsdp-places.ts";
import { refuseSlice } from "./fsdp-slice.ts";
import { noteLostParameters } from "./lost-parameters.ts";
import { modelFileNames } from "./model-files.ts";
import { type ModelPart, readModelPart } from "./model-part.ts";
import { noteSeveralOptimizers } from "./several-optimizers.ts";
import { readTrainingState } from "./training-state.ts";

export interface TrainedModel {
  readonly model: ModelPart;
  readonly optimizer: OptimizerComponent | undefined;
}

/**
 * Reads a training checkpoint's model as {@link readModelPart} does, from FSDP's places where it has any, and its optimizer.
 * Files under the usual names of a whole model win; an adapter's file gives way, since FSDP saved what was trained beside
 * LoRA too.
 * @param optimizerNames the layout's own files of an optimizer; the first that is there counts
 * @throws UnsupportedError TENON_FSDP_RANK_FILES; FormatError TENON_FSDP_SLICE, and what DCP folders give reason for
 */
export async function readTrainedModel(
  files: CheckpointFiles,
  listed: readonly FileEntry[],
  optimizerNames: readonly string[],
): Promise<TrainedModel> {
  const places = fsdpPlacesIn(listed);
  noteSeveralOptimizers(files, listed);
  const model = await readModel(files, listed, places);
  const folder = places?.optimizerFolder && (await openFolder(files, places.optimizerFolder));
  const sharded = folder ? await folder.optimizer(model) : undefined;
  if (sharded !== undefined) {
    noteLostParameters(files, model, sharded);
    return { model, optimizer: sharded };
  }
  for (const name of optimizerNames) {
    const optimizer = await readTrainingState(files, name, model);
    if (optimizer !== undefined) return { model, optimizer: withCanonicalNames(files, optimizer, model) };
  }
  return { model, optimizer: undefined };
}

async function readModel(
  files: CheckpointFiles,
  listed: readonly FileEntry[],
  places: FsdpPlaces | undefined,
): Promise<ModelPart> {
  if (places === undefined) return readModelPart(files, listed);
  passOver(files, places.later, "later objects");
  if (modelFileNames(rootPaths(listed)).length > 0) {
    passOver(files, modelPlaces(places), "the model's own files come first");
    return readModelPart(files, listed);
  }
  const tensors = await modelTensors(files, places);
  const hidden = tensors !== undefined && holdsAdapter(tensors) ? listed.filter(isTopAdapter) : [];
  const reason = "FSDP's save holds the adapter and what was trained beside it";
  passOver(
    files,
    hidden.map(({ path }) => path),
    reason,
  );
  const shown = listed.filter((file) => !hidden.includes(file));
  const model = await readModelPart(files, shown, tensors);
  refuseSlice(files, model, places.modelFile);
  return model;
}

/** Canonical names for an optimizer whose file names its parameters, as FSDP's FULL state dict does. */
function withCanonicalNames(
  files: CheckpointFiles,
  optimizer: OptimizerComponent,
  model: ModelPart,
): OptimizerComponent {
  const stored = [...optimizer.states.keys(), ...optimizer.groups.flatMap(({ parameters }) => parameters)];
  if (optimizer.naming !== undefined || stored.some((name) => /^\d+$/.test(name))) return optimizer;
  const { knownBaseNames } = files.options;
  const names = canonicalNames([...new Set(stored)], { entries: model.entries, knownBaseNames });
  const named = (name: string): string => names.get(name) ?? name;
  return {
    ...optimizer,
    states: new Map([...optimizer.states].map(([name, state]) => [named(name), state])),
    groups: optimizer.groups.map(({ parameters, settings }) => ({
      parameters: parameters.map(named),
      settings,
    })),
  };
}

async function modelTensors(
  files: CheckpointFiles,
  { modelFile, modelFolder }: FsdpPlaces,
): Promise<readonly Tensor[] | undefined> {
  if (modelFile !== undefined) return (await files.open(modelFile)).tensors;
  return modelFolder === undefined ? undefined : (await openFolder(files, modelFolder))?.model;
}

/** An incomplete folder is damage: whoever listens for it goes on with the rest. */
async function openFolder(files: CheckpointFiles, folder: string): Promise<DcpFolder | undefined> {
  // Few checkpoints of trainers have such folders.
  const { DcpFolder: opener } = await import("./dcp/read.ts");
  try {
    return await opener.open(files, folder);
  } catch (error) {
    if (!isTenonError(error) || error.code !== "TENON_DCP_METADATA_MISSING") throw error;
    files.notices.damage(error, [folder.slice(0, -1)]);
    return undefined;
  }
}

function modelPlaces({ modelFile, modelFolder }: FsdpPlaces): string[] {
  return [modelFile, modelFolder?.slice(0, -1)].filter((place) => place !== undefined);
}

/** Weights that are there and not read. */
export function passOver(files: CheckpointFiles, names: readonly string[], reason: string): void {
  if (names.length > 0) files.notices.note({ code: "TENON_WEIGHTS_PASSED_OVER", names, facts: { reason } });
}

function isTopAdapter({ path }: FileEntry): boolean {
  return isAdapterWeights(path);
}

function holdsAdapter(tensors: readonly Tensor[]): boolean {
  const { meanings } = readNames(
    tensors.map(({ name }) => name),
    { kind: "model" },
  );
  return [...meanings.values()].some((meaning) => canonicalName(meaning).includes(":"));
}
