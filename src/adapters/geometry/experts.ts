import type { AdapterModule, LowRank, TensorMeta } from "../../core/index.ts";
import {
  baseTensor, checkedScaling, type GeometryContext, modelTypeOf, type Pair, type ParameterChange, requirePair,
  type TargetedParameter,
} from "./context.ts"; // biome-ignore format: one list
import { type ExpertPiece, piecesOf } from "./expert-list.ts";
import { parameterOf } from "./expert-parameters.ts";
import { linearProduct } from "./linear.ts";
import { ambiguous, shapeMismatch, targetNotFound } from "./refusals.ts";

/** Architectures whose experts say that they lie (experts, in, out); all others lie (experts, out, in) for PEFT. */
const transposedModels: ReadonlySet<string> = new Set([
  "gpt_oss",
  "aria",
  "aria_text",
  "openai_privacy_filter",
]);

/**
 * A parameter that `target_parameters` names: a table (out, in), or the experts of a layer in one tensor.
 *
 * For E experts A is (E·r, in), expert by expert: row e·r + k. B is (out, r·E), rank by rank: column k·E + e. PEFT rounds
 * these deltas to the parameter's dtype before the sum.
 * @returns undefined when the module has no such parameter
 */
export function parameterChanges(
  context: GeometryContext,
  module: AdapterModule,
): readonly ParameterChange[] | undefined {
  if (context.config.targetParameters.length === 0) return undefined;
  const target = parameterOf(context, module);
  if (target === undefined) return undefined;
  const pair = requirePair(context, module);
  const base = baseTensor(context, target.key);
  if (base !== undefined && target.shape.length === 2) {
    const { lowRank } = linearProduct(context, target.key, base, pair, "outIn");
    return [{ parameter: target.key, base, steps: [rounded(lowRank)] }];
  }
  const experts = expertsOf(context, target, pair);
  if (base !== undefined) {
    const product = fusedProduct(experts, liesInOut(context, module, target, pair));
    return [{ parameter: target.key, base, steps: [rounded(product)] }];
  }
  const pieces = piecesOf(context, target.key);
  if (pieces === undefined) throw targetNotFound(context.adapter, module.path, [target.key]);
  return pieces.map((piece) => ({
    parameter: piece.parameter,
    base: piece.tensor,
    steps: [rounded(pieceProduct(experts, piece))],
  }));
}

function rounded(lowRank: LowRank): ParameterChange["steps"][number] {
  return { ...lowRank, kind: "addLowRank", roundDelta: true };
}

interface Experts extends Pair {
  readonly count: number;
  readonly r: number;
  readonly inFeatures: number;
  readonly outFeatures: number;
  readonly rest: Pick<LowRank, "scaling" | "adapter" | "module">;
}

function expertsOf(context: GeometryContext, { key, shape }: TargetedParameter, { a, b }: Pair): Experts {
  const [count = 0] = shape;
  const [rowsOfA = 0, inFeatures = 0] = a.shape;
  const [outFeatures = 0, columnsOfB = 0] = b.shape;
  const r = rowsOfA / count;
  if (rowsOfA !== columnsOfB || !Number.isInteger(r) || r === 0) {
    const wanted = `lora_A must be [${count}·r, in] and lora_B [out, r·${count}] for ${count} experts`;
    throw shapeMismatch(context.adapter, wanted, [a, b]);
  }
  const scaling = checkedScaling(context, key, r, a);
  const rest = { scaling, adapter: context.adapter, module: key };
  return { a, b, count, r, inFeatures, outFeatures, rest };
}

/** Shapes tell unless the experts are square; then a neighbour in the same module, then the architecture. */
function liesInOut(
  context: GeometryContext,
  module: AdapterModule,
  { shape }: TargetedParameter,
  { a, b }: Pair,
): boolean {
  const [, x, y] = shape;
  if (x !== y) return x === a.shape[1];
  for (const neighbour of context.modules.values()) {
    if (neighbour.path !== module.path || neighbour === module) continue;
    const other = parameterOf(context, neighbour)?.shape;
    if (other?.length === 3 && other[1] !== other[2]) return other[1] === neighbour.loraA?.shape[1];
  }
  const type = modelTypeOf(context);
  if (type === undefined)
    throw ambiguous(context.adapter, module.path, "the orientation of square experts", [a, b]);
  return transposedModels.has(type);
}

function fusedProduct(experts: Experts, isTransposed: boolean): LowRank {
  const { a, b, count, r, inFeatures, outFeatures, rest } = experts;
  const ofA = { tensor: a, offset: 0, batch: r * inFeatures, outer: 1, inner: inFeatures };
  const ofB = { tensor: b, offset: 0, batch: 1, outer: r * count, inner: count };
  const size = { batches: count, loraRank: r };
  return isTransposed
    ? { left: ofA, right: ofB, rows: inFeatures, cols: outFeatures, ...size, ...rest }
    : { left: ofB, right: ofA, rows: outFeatures, cols: inFeatures, ...size, ...rest };
}

/** One expert's share of the outputs, for a base that stores it as a linear layer of its own. */
function pieceProduct(experts: Experts, piece: ExpertPiece): LowRank {
  const { a, b, count, r, inFeatures, rest } = experts;
  const [rows = 0, cols = 0] = piece.tensor.shape;
  const isInside = piece.firstOutput + rows <= experts.outFeatures && cols === inFeatures;
  if (!isInside) throw misplaced(experts, piece.tensor);
  return {
    left: {
      tensor: b,
      offset: piece.firstOutput * r * count + piece.expert,
      batch: 0,
      outer: r * count,
      inner: count,
    },
    right: { tensor: a, offset: piece.expert * r * inFeatures, batch: 0, outer: 1, inner: inFeatures },
    batches: 1,
    rows,
    cols,
    loraRank: r,
    ...rest,
  };
}

function misplaced({ a, b, rest }: Experts, tensor: TensorMeta): Error {
  return shapeMismatch(rest.adapter, "each expert must be its share of [out, in]", [a, b, tensor]);
}
