import { FormatError, type JsonRecord, type Observation, type Tensor } from "../../core/index.ts";
import type { CheckpointFiles } from "../checkpoint-files.ts";
import { leftState } from "../left-state.ts";
import { openingAtOnce, weightFilesLimit } from "../limits.ts";
import { refuseMixedSaves } from "./agree.ts";
import { BriefModels } from "./brief-models.ts";
import { type RunDocuments, runDocuments } from "./documents.ts";
import { malformed } from "./fields.ts";
import { compareMappings } from "./mappings.ts";
import { type ModelFile, type ModelPlace, readModelFile } from "./model-file.ts";
import { type OptimizerFile, readOptimizerFile } from "./optimizer-file.ts";
import { type Placement, placeInGroups, placeInShares } from "./placed.ts";
import { checkWorkers, rankFilesOf } from "./rank-files.ts";
import { parameterStates } from "./states.ts";
import type { TagPlace } from "./tag.ts";
import { isFrozenLeftOut, weightsOf } from "./weights.ts";

/** One save, consolidated, under the names that the training model had. */
export interface ZeroSave {
  readonly stage: 0 | 1 | 2 | 3;
  readonly workers: number;
  readonly weights: readonly Tensor[];
  /** Whether the save left frozen parameters out, so that the base stands on another. */
  readonly isFrozenLeftOut: boolean;
  /** The first model file, which in stage 0 has the optimizer too. */
  readonly model: ModelFile;
  /** The first file of the optimizer; undefined when there is none. */
  readonly optimizerPath: string | undefined;
  readonly states: ReadonlyMap<string, ReadonlyMap<string, Tensor>>;
  readonly groups: readonly { readonly parameters: readonly string[]; readonly settings: JsonRecord }[];
  readonly run: RunDocuments;
  readonly observations: readonly Observation[];
}

/** Opens every file of a save; headers and pickles only. @throws FormatError, UnsupportedError TENON_ZERO_… */
export async function readTag(files: CheckpointFiles, place: TagPlace): Promise<ZeroSave> {
  const found = rankFilesOf(place);
  refuseTooMany(found.models.length + found.optimizers.length, files.tree.location);
  const optimizers = await inBatches(found.optimizers, (file) => readOptimizerFile(files, place, file));
  const [first] = optimizers;
  if (first !== undefined) checkWorkers(found, first.partitionCounts, place.directory);
  const models = await readModels(files, place, found.models);
  const [model] = models;
  if (model === undefined) throw modelAbsent(place, found.optimizers.length);
  await refuseMixedSaves(models, optimizers);
  if (first === undefined && model.shapes !== undefined) throw optimizerAbsent(model);
  const stage = first?.stage ?? 0;
  const location = `${files.tree.location}/${place.tag}`;
  const placement = first && placementOf(model, first, optimizers.length);
  const { states, observations } = placement
    ? parameterStates(placement, optimizers, location)
    : { states: new Map<string, ReadonlyMap<string, Tensor>>(), observations: [] };
  const masters = new Map([...states].map(([name, state]) => [name, state.get("fp32") as Tensor]));
  const isPartitioned = stage === 3;
  const run = runDocuments(model, first, place.tag);
  const mayLackFrozen = stage < 2 || model.frozenShapes === undefined;
  const weights = weightsOf({ models, masters, isPartitioned, mayLackFrozen, location });
  return {
    stage,
    workers: Math.max(optimizers.length, models.length),
    weights,
    model,
    isFrozenLeftOut: isFrozenLeftOut(model, stage, weights),
    optimizerPath: first?.path,
    states,
    groups: first && placement ? groupsOf(first, placement) : [],
    run,
    observations: [...observations, ...run.observations, ...observed(model, optimizers, placement)],
  };
}

/** Flat buffers and shapes must be of one number; only old stage-3 saves list shapes by param group. */
function placementOf(model: ModelFile, optimizer: OptimizerFile, workers: number): Placement {
  const { shapes } = model;
  const { stage, masters } = optimizer;
  if (shapes === undefined)
    throw malformed("param_shapes", undefined, "a list of shapes by name", model.path);
  if (stage === 3) {
    const lengths = masters.map(({ shape }) => shape[0] ?? 0);
    const isByBuffer = shapes.length === masters.length;
    const placement = placeInShares(shapes, workers, isByBuffer ? undefined : lengths);
    if (!isByBuffer) checkTotal(placement, lengths, optimizer.path);
    return placement;
  }
  if (shapes.length !== masters.length)
    throw malformed(
      "the number of flat buffers",
      masters.length,
      `${shapes.length}, as param_shapes`,
      optimizer.path,
    );
  return placeInGroups(shapes, workers);
}

function checkTotal({ total }: Placement, lengths: readonly number[], path: string): void {
  const found = lengths.reduce((sum, length) => sum + length, 0);
  if (found === total) return;
  const message = `zero: the flat buffers have ${found} elements, the shapes need ${total} (${path})`;
  throw new FormatError("TENON_ZERO_PARTITION_LENGTH", message, { details: { found, total, path } });
}

function groupsOf({ groups, masters, path }: OptimizerFile, { parameters }: Placement): ZeroSave["groups"] {
  const empty: JsonRecord = {};
  const all = groups ?? masters.map((_, buffer) => ({ settings: empty, buffers: [buffer] }));
  const grouped = all.reduce((sum, { buffers }) => sum + buffers.length, 0);
  if (grouped !== masters.length)
    throw malformed("the number of flat buffers in param_groups", grouped, String(masters.length), path);
  return all.map(({ settings, buffers }) => ({
    settings,
    parameters: parameters.filter(({ buffer }) => buffers.includes(buffer)).map(({ name }) => name),
  }));
}

function observed(
  { path, fields }: ModelFile,
  optimizers: readonly OptimizerFile[],
  placement: Placement | undefined,
): Observation[] {
  const [first] = optimizers;
  const mappings =
    placement && first?.stage !== 3 ? compareMappings(placement.parameters, optimizers) : undefined;
  const observations: Observation[] = mappings === undefined ? [] : [mappings];
  if (first !== undefined) observations.push(...leftState(first.path, first.left));
  if (first !== undefined && first.groups === undefined)
    observations.push({ code: "TENON_ZERO_SETTINGS_ABSENT", names: [first.path] });
  if (first === undefined && fields.dict("optimizer")?.get("fp32_groups_flat") !== undefined)
    observations.push({ code: "TENON_ZERO_OPTIMIZER_UNNAMED", names: [path] });
  return observations;
}

/** In stage 3 every worker has one; the first says everything, the others are kept short. */
async function readModels(
  files: CheckpointFiles,
  place: TagPlace,
  [firstPlace, ...others]: readonly ModelPlace[],
): Promise<readonly ModelFile[]> {
  if (firstPlace === undefined) return [];
  const first = await readModelFile(files, place, firstPlace);
  if (others.length === 0) return [first];
  const brief = new BriefModels(first);
  return [first, ...(await inBatches(others, (file) => readModelFile(files, place, file, brief)))];
}

async function inBatches<Place, File>(
  places: readonly Place[],
  read: (place: Place) => Promise<File>,
): Promise<File[]> {
  const done: File[] = [];
  for (let at = 0; at < places.length; at += openingAtOnce) {
    // All of them settle before one failure is passed on, so that closing finds every file.
    const settled = await Promise.allSettled(places.slice(at, at + openingAtOnce).map(read));
    for (const result of settled) {
      if (result.status === "rejected") throw result.reason;
      done.push(result.value);
    }
  }
  return done;
}

function refuseTooMany(count: number, location: string): void {
  if (count <= weightFilesLimit) return;
  const message = `zero: ${count} files; at most ${weightFilesLimit} are opened together (${location})`;
  throw new FormatError("TENON_WEIGHTS_TOO_MANY_FILES", message, { details: { count } });
}

function modelAbsent({ directory }: TagPlace, optimizers: number): FormatError {
  const message = `zero: ${optimizers} optimizer files and no *_model_states.pt: names and shapes are only there (${directory})`;
  return new FormatError("TENON_ZERO_RANKS", message, {
    details: { directory, optimizers },
    hint: "Copy the files of every worker, and only those of one save.",
  });
}

function optimizerAbsent({ path }: ModelFile): FormatError {
  const message = `zero: the optimizer files of every worker are missing (${path})`;
  return new FormatError("TENON_ZERO_RANKS", message, {
    details: { path },
    hint: "Copy them too; stages 1 and 2 have the weights in the model file, which can be given by itself.",
  });
}
