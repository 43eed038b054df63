// Weights by stored name, from wherever a stage keeps them: `module`, fragments of frozen parameters, fp32 masters.
import {
  bytesPerElement,
  elementCount,
  FormatError,
  type Shape,
  sameShape,
  type Tensor,
} from "../../core/index.ts";
import { AssembledTensor, wholeOf } from "../assembled-tensor.ts";
import type { ModelPart } from "../model-part.ts";
import type { ModelFile } from "./model-file.ts";
import { addShared } from "./shared-names.ts";

export interface WeightSources {
  /** The first is that of the first worker. */
  readonly models: readonly ModelFile[];
  /** fp32 masters of what was trained. */
  readonly masters: ReadonlyMap<string, Tensor>;
  readonly isPartitioned: boolean;
  /** Whether a parameter that no list names may be a frozen one that the save left out. */
  readonly mayLackFrozen: boolean;
  readonly location: string;
}

/**
 * The model's own tensors where they are whole, in the model's dtype. Where they are placeholders (stage 3): frozen
 * parameters from every worker's fragment, trained ones from the masters. Aliases of tied parameters share a `storage`.
 * @throws FormatError TENON_ZERO_NAME_TWICE, TENON_ZERO_PLACEHOLDER, TENON_ZERO_SHAPE_DIFFERS, TENON_ZERO_SHARED_NAMES,
 *   TENON_ZERO_PARTITION_LENGTH
 */
export function weightsOf(sources: WeightSources): readonly Tensor[] {
  const { models, masters, isPartitioned, mayLackFrozen } = sources;
  const [model] = models;
  if (model === undefined) return [];
  refuseTwice(model);
  const shapes = new Map([
    ...(model.shapes ?? []).flatMap((group) => [...group]),
    ...(model.frozenShapes ?? []),
  ]);
  const found = new Map<string, Tensor>();
  const missing = new Set<string>();
  for (const [name, tensor] of model.module) {
    const shape = shapes.get(name);
    if (model.bufferNames.has(name) || !isPlaceholder(tensor, shape, isPartitioned)) found.set(name, tensor);
    else missing.add(name);
  }
  for (const [name, shape] of shapes) {
    const own = found.get(name);
    if (own !== undefined) checkShape(name, own, shape, model);
    else found.set(name, masters.get(name) ?? frozen(name, shape, sources, model));
    missing.delete(name);
  }
  addShared(model, found, missing, mayLackFrozen);
  const [first] = missing;
  if (first !== undefined) throw placeholder(first, missing.size, model);
  // The order of the model, then what it does not list.
  const order = [...model.module.keys(), ...found.keys()];
  return [...new Set(order)].map((name) => found.get(name)).filter((tensor) => tensor !== undefined);
}

/**
 * Whether a save left frozen parameters out. Stages 2 and 3 list them otherwise. Stages 0 and 1 never do: there it shows where
 * a shared parameter is nowhere, and {@link lacksWrapped} where LoRA lies over weights that are nowhere.
 */
export function isFrozenLeftOut(model: ModelFile, stage: number, weights: readonly Tensor[]): boolean {
  if (stage >= 2) return model.frozenShapes === undefined;
  const names = new Set(weights.map(({ name }) => name));
  return [...model.sharedNames.keys()].some((alias) => !names.has(alias));
}

/** Whether adapters lie over weights that are not all there. */
export function lacksWrapped({ base, adapters }: Pick<ModelPart, "base" | "adapters">): boolean {
  return adapters.size > 0 && base?.isComplete !== true;
}

/** Stage 3 leaves `torch.empty(0)` in the place of every parameter. */
function isPlaceholder(tensor: Tensor, shape: Shape | undefined, isPartitioned: boolean): boolean {
  const isEmpty = tensor.shape.length === 1 && tensor.shape[0] === 0;
  return isPartitioned && isEmpty && (shape === undefined || elementCount(shape) > 0 || shape.length !== 1);
}

/** A frozen parameter: whole in one file, in stage 3 a flat piece of it in every worker's. */
function frozen(
  name: string,
  shape: Shape,
  { models, isPartitioned, location }: WeightSources,
  model: ModelFile,
): Tensor {
  const pieces = models.map(({ frozenFragments }) => frozenFragments?.get(name));
  const [first] = pieces;
  if (first === undefined) throw placeholder(name, 1, model);
  if (!isPartitioned) {
    checkShape(name, first, shape, model);
    return new AssembledTensor({ ...first, id: first.id, name, slices: [wholeOf(first)] });
  }
  const count = elementCount(shape);
  const share = Math.ceil(count / models.length);
  for (const [worker, piece] of pieces.entries()) {
    if (piece?.shape.length === 1 && piece.shape[0] === share && piece.dtype === first.dtype) continue;
    const found = piece === undefined ? "nothing" : `${piece.dtype} [${piece.shape.join(", ")}]`;
    const path = models[worker]?.path ?? "";
    const message = `zero: the fragment of ${JSON.stringify(name)} is ${found}, its shape needs ${first.dtype} [${share}] (${path})`;
    throw new FormatError("TENON_ZERO_PARTITION_LENGTH", message, {
      details: { tensor: name, found, share, path },
    });
  }
  const width = bytesPerElement(first.dtype);
  return new AssembledTensor({
    id: `${location}#frozen/${name}`,
    name,
    dtype: first.dtype,
    shape,
    file: `${model.path}${models.length > 1 ? ` and ${models.length - 1} more` : ""}`,
    slices: () =>
      pieces.map((piece, worker) => ({
        tensor: piece as Tensor,
        byteOffset: 0,
        byteLength: Math.max(0, Math.min(share, count - worker * share)) * width,
      })),
  });
}

function refuseTwice({ shapes, frozenShapes, path }: ModelFile): void {
  const seen = new Set<string>(frozenShapes?.keys());
  for (const group of shapes ?? [])
    for (const name of group.keys()) {
      if (seen.has(name)) {
        const where = frozenShapes?.has(name) ? "as trained and as frozen" : "in two param groups";
        const message = `zero: ${JSON.stringify(name)} is listed ${where} (${path})`;
        throw new FormatError("TENON_ZERO_NAME_TWICE", message, { details: { tensor: name, path } });
      }
      seen.add(name);
    }
}

function checkShape(name: string, tensor: Tensor, shape: Shape, { path }: ModelFile): void {
  if (sameShape(tensor.shape, shape)) return;
  const message = `zero: ${JSON.stringify(name)} is [${tensor.shape.join(", ")}] in module, its shape is listed as [${shape.join(", ")}] (${path})`;
  throw new FormatError("TENON_ZERO_SHAPE_DIFFERS", message, {
    details: { tensor: name, found: tensor.shape, listed: shape, path },
  });
}

function placeholder(name: string, count: number, { path }: ModelFile): FormatError {
  const more = count > 1 ? ` and ${count - 1} more` : "";
  const message = `zero: ${JSON.stringify(name)}${more}: a ZeRO-3 placeholder, and no file has its weights (${path})`;
  return new FormatError("TENON_ZERO_PLACEHOLDER", message, {
    details: { tensor: name, count, path },
    hint: "Look for the optimizer files of the same save: in ZeRO-3 weights are nowhere else.",
  });
}
