import type { TensorMeta } from "../../core/index.ts";
import type { LoraConfig } from "../config/lora-config.ts";
import { type GeometryContext, type ParameterChange, requireBase } from "./context.ts";
import { shapeMismatch, unsupportedLayer } from "./refusals.ts";

/**
 * Row numbers of an embedding that was trained in part, in the order in which its rows are stored. A bare list counts
 * for the input embedding; an object names modules, matched by the end of their path as PEFT does.
 */
export function tokenIndicesOf(config: LoraConfig, path: string): readonly number[] | undefined {
  const rule = config.trainableTokens.find(({ module }) => module === null || path.endsWith(module));
  return rule?.indices;
}

/**
 * What trained rows do to their embedding: row `indices[i]` becomes row i of `rows`. They replace, though PEFT calls them
 * a delta.
 *
 * @param rows shape (tokens trained, width)
 * @throws PlanError TENON_ADAPTER_TARGET_NOT_FOUND, TENON_ADAPTER_SHAPE_MISMATCH, TENON_ADAPTER_LAYER_UNSUPPORTED when
 *   the config does not say which rows they are
 */
export function tokenRowsChange(context: GeometryContext, path: string, rows: TensorMeta): ParameterChange {
  const parameter = `${path}.weight`;
  const base = requireBase(context, path, parameter);
  const indices = tokenIndicesOf(context.config, path);
  if (indices === undefined)
    throw unsupportedLayer(
      context.adapter,
      path,
      "trainable_token_indices does not say which rows were trained",
    );
  const [count, width] = rows.shape;
  const [vocabulary = 0, baseWidth] = base.shape;
  const fits = rows.shape.length === 2 && base.shape.length === 2 && width === baseWidth;
  if (!fits || count !== indices.length || indices.some((index) => index >= vocabulary)) {
    const wanted = `${indices.length} rows are trained, numbered below the ${vocabulary} of the base`;
    throw shapeMismatch(context.adapter, wanted, [rows, base]);
  }
  return {
    parameter,
    base,
    steps: [{ kind: "replaceRows", tensor: rows, indices, adapter: context.adapter }],
  };
}
