// A save as a checkpoint: names are understood, and the optimizer is keyed by what they mean.
import {
  type BaseComponent,
  type FileEntry,
  FormatError,
  isTenonError,
  type JsonRecord,
  type OptimizerComponent,
  type TenonError,
  type TrainerComponent,
} from "../../core/index.ts";
import { readAdapterConfigs } from "../adapter-configs.ts";
import { adapterPlaces } from "../adapter-files.ts";
import type { CheckpointFiles } from "../checkpoint-files.ts";
import { companionsOf } from "../companions.ts";
import { sortParts } from "../components.ts";
import { findJsonDocument, readJsonDocument } from "../documents.ts";
import { rootPaths } from "../evidence.ts";
import { trainerStateBytesLimit } from "../limits.ts";
import { modelFileNames } from "../model-files.ts";
import type { ModelPart } from "../model-part.ts";
import type { CheckpointParts } from "../opened-checkpoint.ts";
import { nameParameters } from "../optimizer-names.ts";
import { readTrainingDocuments } from "../training-documents.ts";
import { namedOptimizer } from "./named-optimizer.ts";
import { readTag, type ZeroSave } from "./read-tag.ts";
import { findTags, type TagPlace } from "./tag.ts";
import { lacksWrapped } from "./weights.ts";
import { wholeOptimizer } from "./whole-optimizer.ts";

const trainerStateName = "trainer_state.json";
/** Schedules, loss scalers and random states, as Trainer and accelerate name them. */
const besideTheSave = /^(?:scheduler\.(?:pt|bin)|scaler\.pt|rng_state(?:_\d+)?\.pth|random_states_\d+\.pkl)$/;

/** Reads the save of a directory that counts, with the configs beside it. @throws FormatError, UnsupportedError TENON_ZERO_… */
export async function readZero(
  files: CheckpointFiles,
  listed: readonly FileEntry[],
): Promise<Omit<CheckpointParts, "layout">> {
  const { save, place, evidence } = await readNewest(files, listed);
  for (const observation of save.observations) files.notices.note(observation);
  const { base, adapters, entries } = sortParts(
    {
      model: save.weights,
      modelConfig: await findJsonDocument(files.tree, "config.json"),
      adapterFiles: [],
      adapterConfigs: await readAdapterConfigs(files.tree, listed, files.options),
      isLive: true,
    },
    files,
  );
  notePassedOver(files, listed, place.tag);
  const isFrozenLeftOut = save.isFrozenLeftOut || lacksWrapped({ ...(base && { base }), adapters });
  if (isFrozenLeftOut)
    files.notices.note({ code: "TENON_ZERO_FROZEN_LEFT_OUT", names: [place.tag === "" ? "." : place.tag] });
  return {
    evidence,
    adapters,
    entries,
    base: base && wholeFiles(base, isFrozenLeftOut),
    optimizer:
      save.optimizerPath === undefined
        ? named(files, save, { ...(base && { base }), adapters, entries, companions: [] })
        : {
            ...namedOptimizer({ ...save, file: save.optimizerPath }, entries, base),
            ...(isShuffled(save) && { orderUnknown: shuffled }),
          },
    trainer: await trainerOf(save, files, listed),
    companions: companionsOf(listed),
  };
}

/** Stage 0: numbers that become names where order and shapes prove it. */
function named(files: CheckpointFiles, { model }: ZeroSave, part: ModelPart): OptimizerComponent | undefined {
  const stored = wholeOptimizer(model, files);
  const { paramOrder, knownBase } = files.options;
  return (
    stored &&
    nameParameters(stored, part, { ...(paramOrder && { paramOrder }), ...(knownBase && { knownBase }) })
  );
}

const shuffled = "DeepSpeed shuffled them among its workers (round_robin_gradients)";

/**
 * DeepSpeed lists parameters in the order in which it was given them (`_get_zero_param_shapes`, deepspeed/runtime/engine.py), but
 * with round_robin_gradients as it dealt them out. Its mappings, made before that, give it away.
 */
function isShuffled({ observations }: ZeroSave): boolean {
  return observations.some(({ code }) => code === "TENON_ZERO_MAPPINGS_DISAGREE");
}

interface Chosen {
  readonly save: ZeroSave;
  readonly place: TagPlace;
  readonly evidence: readonly string[];
}

/** Tries saves from the newest on, and says why others were passed over. With one to try, its own error is thrown. */
async function readNewest(files: CheckpointFiles, listed: readonly FileEntry[]): Promise<Chosen> {
  const { places, passedOver } = await findTags(files.tree, listed);
  const failures: { tag: string; error: TenonError }[] = [];
  for (const [at, place] of places.entries()) {
    try {
      const save = await readTag(files, place);
      const skipped = [
        ...failures.map(({ tag, error }) => ({ tag, reason: error.message })),
        ...passedOver,
        ...places.slice(at + 1).map(({ tag }) => ({ tag, reason: `${place.tag} is newer` })),
      ];
      if (skipped.length > 0)
        files.notices.note({
          code: "TENON_ZERO_TAGS_PASSED_OVER",
          names: skipped.map(({ tag }) => tag),
          facts: { read: place.tag, reasons: skipped.map(({ tag, reason }) => `${tag}: ${reason}`) },
        });
      const what = save.stage === 0 ? "without ZeRO" : `ZeRO stage ${save.stage}`;
      const where = place.tag === "" ? "the files here are" : `${place.tag} is`;
      const workers = `${save.workers} worker${save.workers === 1 ? "" : "s"}`;
      return { save, place, evidence: [`${where} a DeepSpeed save ${what} of ${workers}`] };
    } catch (error) {
      if (!isTenonError(error) || error.code === "TENON_INTERRUPTED") throw error;
      failures.push({ tag: place.tag, error });
    }
  }
  throw failures[0]?.error ?? nothingHere(files.tree.location);
}

function nothingHere(location: string): FormatError {
  const message = `zero: no file of a DeepSpeed save is here or in a folder (${location})`;
  return new FormatError("TENON_ZERO_RANKS", message, {
    details: { location },
    hint: "Point at the folder with *_model_states.pt, or leave out --layout.",
  });
}

/** Workers' files are no shards to be kept when the base is written, and what is frozen elsewhere is missing here. */
function wholeFiles(base: BaseComponent, isFrozenLeftOut: boolean): BaseComponent {
  return { ...base, shards: new Map(), isComplete: base.isComplete && !isFrozenLeftOut };
}

/** What the run says of itself, and what transformers' Trainer or accelerate keep beside the save. */
async function trainerOf(
  { run }: ZeroSave,
  files: CheckpointFiles,
  listed: readonly FileEntry[],
): Promise<TrainerComponent> {
  const root = rootPaths(listed);
  const documents = new Map<string, JsonRecord>(await readTrainingDocuments(files, root, besideTheSave));
  if (root.includes(trainerStateName)) {
    const options = { limitBytes: trainerStateBytesLimit, allowNonFinite: true };
    documents.set(trainerStateName, await readJsonDocument(files.tree, trainerStateName, options));
  }
  for (const [name, document] of run.trainer.documents) documents.set(name, document);
  return { documents };
}

/** A trainer also saves the adapter, or the model, by itself: less than the save holds, so it is not read. */
function notePassedOver(files: CheckpointFiles, listed: readonly FileEntry[], tag: string): void {
  const adapters = adapterPlaces(listed).flatMap(({ weights, passedOver }) =>
    weights === undefined ? passedOver : [weights, ...passedOver],
  );
  const names = [...modelFileNames(rootPaths(listed)), ...adapters];
  if (names.length > 0)
    files.notices.note({ code: "TENON_WEIGHTS_PASSED_OVER", names, facts: { read: [tag] } });
}
