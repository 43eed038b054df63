// Weights by stored name, from wherever a stage keeps them: `module`, fragments of frozen parameters, fp32 masters.
import {
  bytesPerElement,
  elementCount,
  FormatError,
  type Shape,
  sameShape,
  type Tensor,
} from "../../core/index.ts";
import { AssembledTensor, type TensorSlice } from "../assembled-tensor.ts";
import type { ModelFile } from "./model-file.ts";

export interface WeightSources {
  /** The first is that of the first worker. */
  readonly models: readonly ModelFile[];
  /** fp32 masters of what was trained. */
  readonly masters: ReadonlyMap<string, Tensor>;
  readonly isPartitioned: boolean;
  readonly isFrozenLeftOut: boolean;
  readonly location: string;
}

/**
 * The model's own tensors where they are whole, in the model's dtype. Where they are placeholders (stage 3): frozen
 * parameters from every worker's fragment, trained ones from the masters. Aliases of tied parameters share a `storage`.
 * @throws FormatError TENON_ZERO_NAME_TWICE, TENON_ZERO_PLACEHOLDER, TENON_ZERO_SHAPE_DIFFERS, TENON_ZERO_SHARED_NAMES,
 *   TENON_ZERO_PARTITION_LENGTH
 */
export function weightsOf(sources: WeightSources): readonly Tensor[] {
  const { models, masters, isPartitioned, isFrozenLeftOut } = sources;
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
  addShared(model, found, missing, isFrozenLeftOut);
  const [first] = missing;
  if (first !== undefined) throw placeholder(first, missing.size, model);
  // The order of the model, then what it does not list.
  const order = [...model.module.keys(), ...found.keys()];
  return [...new Set(order)].map((name) => found.get(name)).filter((tensor) => tensor !== undefined);
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

function addShared(
  { sharedNames, path }: ModelFile,
  found: Map<string, Tensor>,
  missing: Set<string>,
  isFrozenLeftOut: boolean,
): void {
  for (const [alias, owner] of sharedNames) {
    const trail = [alias];
    for (let at: string | undefined = owner; at !== undefined; at = sharedNames.get(at)) {
      if (trail.includes(at))
        throw shared(`lead in a circle: ${[...trail, at].join(" → ")}`, [...trail, at], path);
      trail.push(at);
    }
    const last = trail.at(-1) as string;
    const tensor = found.get(last);
    if (tensor === undefined && isFrozenLeftOut && !missing.has(alias)) continue;
    if (tensor === undefined)
      throw shared(
        `say that ${JSON.stringify(alias)} is ${JSON.stringify(last)}, which is not there`,
        [alias, last],
        path,
      );
    if (!missing.has(alias) && found.has(alias)) continue;
    missing.delete(alias);
    found.set(last, withStorage(tensor, tensor.id, tensor.name));
    found.set(alias, withStorage(tensor, `${tensor.id} as ${alias}`, alias));
  }
}

function withStorage(tensor: Tensor, id: string, name: string): Tensor {
  const storage = tensor.storage ?? tensor.id;
  const { dtype, shape, file } = tensor;
  return new AssembledTensor({ id, name, dtype, shape, file, storage, slices: [wholeOf(tensor)] });
}

function wholeOf(tensor: Tensor): TensorSlice {
  return { tensor, byteOffset: 0, byteLength: tensor.byteLength };
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

function shared(what: string, names: readonly string[], path: string): FormatError {
  return new FormatError("TENON_ZERO_SHARED_NAMES", `zero: shared_params ${what} (${path})`, {
    details: { names, path },
  });
}
