import { type AdapterModule, type LowRank, PlanError, type Step } from "../../core/index.ts";
import type { GeometryContext } from "./context.ts";
import { shapeMismatch } from "./refusals.ts";

/**
 * The step of a DoRA module, or undefined for plain LoRA.
 *
 * The magnitude has one value for each output: shape (out,), (dim,) for embeddings, (1, out, 1, …) for convolutions.
 * @param norm whether an output is a row or a column of the base as it lies
 * @throws PlanError TENON_ADAPTER_DORA_MISMATCH where config and tensors disagree: PEFT would then use the norm of
 *   the initial weights, or leave the magnitude unused
 */
export function doraStep(
  context: GeometryContext,
  module: AdapterModule,
  lowRank: LowRank,
  norm: "row" | "column",
): Step | undefined {
  const { magnitude } = module;
  if ((magnitude !== undefined) !== context.config.useDora) {
    const found = magnitude === undefined ? "has no lora_magnitude_vector" : `has ${magnitude.name}`;
    const message = `adapter ${JSON.stringify(context.adapter)}: ${module.path} ${found}; the config says use_dora = ${context.config.useDora}`;
    throw new PlanError("TENON_ADAPTER_DORA_MISMATCH", message, {
      details: { adapter: context.adapter, module: module.path, useDora: context.config.useDora },
      hint: "Correct use_dora in adapter_config.json, or find the missing magnitude.",
    });
  }
  if (magnitude === undefined) return undefined;
  const outputs = norm === "row" ? lowRank.rows : lowRank.cols;
  const isVector = magnitude.shape.filter((size) => size !== 1).length <= 1;
  if (!isVector || magnitude.shape.reduce((count, size) => count * size, 1) !== outputs)
    throw shapeMismatch(context.adapter, `the magnitude must have ${outputs} values`, [
      magnitude,
      lowRank.left.tensor,
      lowRank.right.tensor,
    ]);
  return { ...lowRank, kind: "dora", magnitude, norm };
}
