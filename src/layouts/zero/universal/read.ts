// A universal checkpoint as a checkpoint. Model files are those of the ZeRO save, copied; only the optimizer differs.
import type { FileEntry, Tensor } from "../../../core/index.ts";
import { readAdapterConfigs } from "../../adapter-configs.ts";
import type { CheckpointFiles } from "../../checkpoint-files.ts";
import { companionsOf } from "../../companions.ts";
import { sortParts } from "../../components.ts";
import { findJsonDocument } from "../../documents.ts";
import { openingAtOnce } from "../../limits.ts";
import type { CheckpointParts } from "../../opened-checkpoint.ts";
import { runDocuments } from "../documents.ts";
import { type ModelFile, readModelFile } from "../model-file.ts";
import { namedOptimizer } from "../named-optimizer.ts";
import { isFrozenLeftOut, lacksWrapped, weightsOf } from "../weights.ts";
import { isBeside, optimizerBeside, readBeside, withDocuments } from "./beside.ts";
import { markerOf } from "./marker.ts";
import { readOptimizer, type UniversalOptimizer } from "./optimizer.ts";
import { findPlace, type UniversalPlace } from "./place.ts";
import { refusal } from "./refusals.ts";
import { stepTensor } from "./state-file.ts";
import { type ParameterState, parameterStates } from "./states.ts";
import { masterName, modelRanks, stepName } from "./wire.ts";

/** @throws FormatError, UnsupportedError TENON_UNIVERSAL_…, TENON_ZERO_… */
export async function readUniversal(
  files: CheckpointFiles,
  listed: readonly FileEntry[],
): Promise<Omit<CheckpointParts, "layout">> {
  const place = await findPlace(files, listed);
  const models = await readModels(files, place);
  const [model] = models;
  if (model?.shapes === undefined)
    throw refusal(
      "TENON_UNIVERSAL_MODEL_FILES",
      "the model file lists no param_shapes",
      model?.path ?? place.directory,
    );
  const optimizer = await readOptimizer(files, place.directory, model.shapes);
  const states = withSteps(await parameterStates(files, place, model.shapes), model, optimizer);
  const live = { file: optimizer.path, states, groups: optimizer.groups };
  const run = runDocuments(model, optimizer, place.tag);
  for (const observation of run.observations) files.notices.note(observation);
  const marker = markerOf(model);
  const trainer = marker === undefined ? run.trainer : withDocuments(run.trainer, marker);
  const where = place.tag === "" ? "." : place.tag;
  const evidence = [`${where} has ${states.size} parameters of a ZeRO save of stage ${optimizer.stage}`];
  if (marker !== undefined && isBeside(marker, listed, place.tag)) {
    const beside = [`the model that it stands on lies beside it, as tenon writes it`];
    const parts = await readBeside(files, listed, marker, model);
    const named = optimizerBeside(live, marker);
    return { ...parts, evidence: [...evidence, ...beside], optimizer: named, trainer };
  }
  const weights = weightsOf({
    models,
    masters: new Map([...states].map(([name, state]) => [name, state.get(masterName) as Tensor])),
    isPartitioned: optimizer.stage === 3,
    mayLackFrozen: optimizer.stage < 2 || model.module.size === 0 || model.frozenShapes === undefined,
    location: `${files.tree.location}/${place.tag}`,
  });
  const { base, adapters, entries } = sortParts(
    {
      model: weights,
      modelConfig: await findJsonDocument(files.tree, "config.json"),
      adapterFiles: [],
      adapterConfigs: await readAdapterConfigs(files.tree, listed, files.options),
      isLive: true,
    },
    files,
  );
  const isLeftOut =
    model.module.size === 0 ||
    isFrozenLeftOut(model, optimizer.stage, weights) ||
    lacksWrapped({ ...(base && { base }), adapters });
  if (isLeftOut) files.notices.note({ code: "TENON_ZERO_FROZEN_LEFT_OUT", names: [where] });
  return {
    evidence,
    base: base && { ...base, shards: new Map(), isComplete: base.isComplete && !isLeftOut },
    adapters,
    entries,
    optimizer: namedOptimizer(live, entries, base),
    trainer,
    companions: companionsOf(listed),
  };
}

/** A few at a time; only the first worker's file lists ties, frozen fragments are in all. */
async function readModels(files: CheckpointFiles, place: UniversalPlace): Promise<readonly ModelFile[]> {
  const found: ModelFile[] = [];
  const tag = { tag: place.tag, directory: place.directory, files: [] };
  for (let at = 0; at < place.models.length; at += openingAtOnce) {
    const batch = place.models.slice(at, at + openingAtOnce).map((path) => {
      const tensorRank = modelRanks(path)?.tensor ?? 0;
      return readModelFile(files, tag, { kind: "model", path, tensorRank });
    });
    for (const result of await Promise.allSettled(batch)) {
      if (result.status === "rejected") throw result.reason;
      found.push(result.value);
    }
  }
  return found;
}

/** Stage 3 keeps the step once for a sub-group, in the optimizer's own file. */
function withSteps(
  states: ReadonlyMap<string, ParameterState>,
  { shapes = [] }: ModelFile,
  { steps, path }: UniversalOptimizer,
): ReadonlyMap<string, ReadonlyMap<string, Tensor>> {
  const found = new Map<string, ReadonlyMap<string, Tensor>>();
  for (const [at, group] of shapes.entries())
    for (const name of group.keys()) {
      const own = new Map(states.get(name)?.tensors);
      const step = steps.get(at);
      if (step !== undefined && !own.has(stepName)) own.set(stepName, stepTensor(name, step, path));
      found.set(name, own);
    }
  return found;
}
