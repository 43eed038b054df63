import type { AdapterModule, LowRank, Step, TensorMeta } from "../../core/index.ts";
import {
  checkedScaling, type GeometryContext, modelTypeOf, type Pair, type ParameterChange, requireBase, requirePair,
} from "./context.ts"; // biome-ignore format: one list
import { doraStep } from "./dora.ts";
import { columnsOfA, rowsOfB } from "./factors.ts";
import { shapeMismatch, unsupportedLayer } from "./refusals.ts";

/** Architectures whose linear layers are transformers' Conv1D, with the weight lying (in, out). */
export const conv1dModels: ReadonlySet<string> = new Set([
  "gpt2",
  "openai-gpt",
  "imagegpt",
  "decision_transformer",
]);

/**
 * A linear layer, or one whose weight lies (in, out). A is (r, in), B is (out, r).
 * @throws PlanError TENON_ADAPTER_SHAPE_MISMATCH and those of the context's checks
 */
export function linearChange(context: GeometryContext, module: AdapterModule): ParameterChange {
  const parameter = `${module.path}.weight`;
  const base = requireBase(context, module.path, parameter);
  const pair = requirePair(context, module);
  const { lowRank, isTransposed } = linearProduct(context, module.path, base, pair);
  const roundDelta = context.rounding === "twice";
  const steps: Step[] = [
    doraStep(context, module, lowRank, isTransposed ? "column" : "row") ?? {
      ...lowRank,
      kind: "addLowRank",
      roundDelta,
    },
  ];
  return { parameter, base, steps };
}

/**
 * @param key what rank and alpha are resolved for
 * @param orientation `outIn`: the layer never lies (in, out), as for target parameters
 */
export function linearProduct(
  context: GeometryContext,
  key: string,
  base: TensorMeta,
  { a, b }: Pair,
  orientation: "either" | "outIn" = "either",
): { readonly lowRank: LowRank; readonly isTransposed: boolean } {
  const [r = 0, inFeatures = 0] = a.shape;
  const [outFeatures = 0, ranksOfB = 0] = b.shape;
  const isPair = a.shape.length === 2 && b.shape.length === 2 && r === ranksOfB;
  if (!isPair || base.shape.length !== 2) throw misfit(context, base, { a, b });
  const [rows, cols] = base.shape;
  const fits = rows === outFeatures && cols === inFeatures;
  const fitsTransposed = orientation === "either" && rows === inFeatures && cols === outFeatures;
  if (!fits && !fitsTransposed) throw misfit(context, base, { a, b });
  const scaling = checkedScaling(context, key, r, a);
  const isTransposed = fits && fitsTransposed ? liesInOut(context) : fitsTransposed;
  const left = isTransposed ? columnsOfA(a, inFeatures) : rowsOfB(b, r);
  const right = isTransposed ? rowsOfB(b, r) : columnsOfA(a, inFeatures);
  const size = { batches: 1, rows: rows as number, cols: cols as number, loraRank: r };
  const lowRank = { left, right, ...size, scaling, adapter: context.adapter, module: key };
  return { lowRank, isTransposed };
}

/** Whether a square weight lies (in, out): PEFT asks the layer's class, of which the architecture is the best witness. */
function liesInOut(context: GeometryContext): boolean {
  const type = modelTypeOf(context);
  return type === undefined ? context.config.fanInFanOut : conv1dModels.has(type);
}

function misfit(context: GeometryContext, base: TensorMeta, { a, b }: Pair): Error {
  const turned = a.shape.length === 2 && b.shape.length === 2 && a.shape[1] === b.shape[0];
  const hint =
    turned && a.shape[0] !== b.shape[1]
      ? "Both factors look transposed, as MLX stores them: transpose lora_A and lora_B."
      : undefined;
  const wanted = "lora_A must be [r, in] and lora_B [out, r] for a base of [out, in] or [in, out]";
  return shapeMismatch(context.adapter, wanted, [a, b, base], hint);
}

/** The bias of `lora_B`, which is added to the layer's own. */
export function biasChange(context: GeometryContext, module: AdapterModule): ParameterChange | undefined {
  const { loraBias } = module;
  if (loraBias === undefined) return undefined;
  const parameter = `${module.path}.bias`;
  const r = module.loraA?.shape[0] ?? 0;
  const scaling = checkedScaling(context, module.path, r, loraBias);
  const base = context.base.get(parameter);
  if (base === undefined)
    throw unsupportedLayer(context.adapter, module.path, "lora_B has a bias and the base layer has none");
  if (base.shape.length !== 1 || loraBias.shape.length !== 1 || base.shape[0] !== loraBias.shape[0])
    throw shapeMismatch(context.adapter, "the two biases must have one shape", [loraBias, base]);
  return {
    parameter,
    base,
    steps: [{ kind: "addVector", tensor: loraBias, scaling, adapter: context.adapter }],
  };
}
