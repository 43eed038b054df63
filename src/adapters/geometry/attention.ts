import type { AdapterModule } from "../../core/index.ts";
import {
  baseTensor,
  type GeometryContext,
  type ParameterChange,
  requireBase,
  requirePair,
} from "./context.ts";
import { linearProduct } from "./linear.ts";

/**
 * torch's MultiheadAttention keeps its three inputs in `in_proj_weight` and its output in a module `out_proj`, which PEFT
 * wraps inside the wrapper: `<attn>.base_layer.out_proj.lora_A`.
 */
export function isAttentionInput(context: GeometryContext, { path, nesting }: AdapterModule): boolean {
  return nesting === 0 && baseTensor(context, `${path}.in_proj_weight`) !== undefined;
}

export function isAttentionOutput(context: GeometryContext, { path, nesting }: AdapterModule): boolean {
  const attention = attentionOf(path);
  if (nesting !== 1 || attention === undefined) return false;
  return baseTensor(context, `${attention}.in_proj_weight`) !== undefined;
}

function attentionOf(path: string): string | undefined {
  return path.endsWith(".out_proj") ? path.slice(0, -".out_proj".length) : undefined;
}

/** The three inputs: the delta is rounded to the base's dtype before the sum. */
export function attentionInputChange(context: GeometryContext, module: AdapterModule): ParameterChange {
  const parameter = `${module.path}.in_proj_weight`;
  const base = requireBase(context, module.path, parameter);
  const { lowRank } = linearProduct(context, module.path, base, requirePair(context, module));
  return { parameter, base, steps: [{ ...lowRank, kind: "addLowRank", roundDelta: true }] };
}

/**
 * The output gets its delta twice: PEFT's merge adds it and then calls the merge of the inner layer, and its forward pass
 * does the same, so such adapters were trained with that factor. The second sum is the inner layer's own, unrounded
 * before it even under `safe_merge`.
 * @see peft `tuners/lora/layer.py` MultiheadAttention.merge
 */
export function attentionOutputChange(context: GeometryContext, module: AdapterModule): ParameterChange {
  const parameter = `${module.path}.weight`;
  const base = requireBase(context, module.path, parameter);
  const key = attentionOf(module.path) ?? module.path;
  const { lowRank } = linearProduct(context, key, base, requirePair(context, module));
  return {
    parameter,
    base,
    steps: [
      { ...lowRank, kind: "addLowRank", roundDelta: true },
      { ...lowRank, kind: "addLowRank", roundDelta: false },
    ],
  };
}
