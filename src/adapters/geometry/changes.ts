import type { AdapterModule } from "../../core/index.ts";
import {
  attentionInputChange,
  attentionOutputChange,
  isAttentionInput,
  isAttentionOutput,
} from "./attention.ts";
import { baseTensor, type GeometryContext, type ParameterChange, requirePair } from "./context.ts";
import { convolutionChange } from "./convolution.ts";
import { embeddingChange } from "./embedding.ts";
import { parameterChanges } from "./experts.ts";
import { biasChange, linearChange } from "./linear.ts";
import { targetNotFound } from "./refusals.ts";

/**
 * What one low-rank module does to the parameters of the base: which tensors change, by which steps, with the factors
 * addressed inside the stored tensors. Nothing is read but names and shapes.
 *
 * The kind of layer is told from names and shapes: embedding factors, `in_proj_weight`, `target_parameters`, the base's
 * dimensions. Whether the adapter may be merged at all is {@link mergeObstacles}' question.
 *
 * @throws PlanError TENON_ADAPTER_SHAPE_MISMATCH, TENON_ADAPTER_RANK_MISMATCH, TENON_ADAPTER_PAIR_INCOMPLETE,
 *   TENON_ADAPTER_TARGET_NOT_FOUND, TENON_ADAPTER_DORA_MISMATCH, TENON_ADAPTER_GEOMETRY_AMBIGUOUS,
 *   TENON_ADAPTER_LAYER_UNSUPPORTED
 */
export function parameterChangesOf(
  context: GeometryContext,
  module: AdapterModule,
): readonly ParameterChange[] {
  const hasPair = module.loraA !== undefined || module.loraB !== undefined;
  const hasTable = module.loraEmbeddingA !== undefined || module.loraEmbeddingB !== undefined;
  if (hasTable && !hasPair) return [embeddingChange(context, module)];
  requirePair(context, module);
  const parameters = parameterChanges(context, module);
  if (parameters !== undefined) return parameters;
  if (isAttentionInput(context, module)) return [attentionInputChange(context, module)];
  if (isAttentionOutput(context, module)) return [attentionOutputChange(context, module)];
  const base = baseTensor(context, `${module.path}.weight`);
  if (base === undefined || module.nesting > 0)
    throw targetNotFound(context.adapter, module.path, wantedOf(context, module));
  const change = base.shape.length > 2 ? convolutionChange(context, module) : linearChange(context, module);
  const bias = biasChange(context, module);
  return bias === undefined ? [change] : [change, bias];
}

function wantedOf(context: GeometryContext, { path, nesting }: AdapterModule): string[] {
  const named = context.config.targetParameters.map(
    (name) => `${path}.${name.slice(name.lastIndexOf(".") + 1)}`,
  );
  return nesting > 0 || named.length > 0 ? [...new Set([...named, `${path}.weight`])] : [`${path}.weight`];
}
