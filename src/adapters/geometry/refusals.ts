import { PlanError, type TensorMeta } from "../../core/index.ts";

/** A tensor as messages show it: its name and shape. */
export function shown(tensor: TensorMeta): string {
  return `${tensor.name} [${tensor.shape.join(", ")}]`;
}

/** Shapes that do not fit: names every tensor with its shape. */
export function shapeMismatch(
  adapter: string,
  wanted: string,
  tensors: readonly TensorMeta[],
  hint = "Give the base that the adapter was trained on.",
): PlanError {
  const message = `adapter ${JSON.stringify(adapter)}: ${tensors.map(shown).join(", ")} do not fit; ${wanted}`;
  return new PlanError("TENON_ADAPTER_SHAPE_MISMATCH", message, {
    details: { adapter, tensors: tensors.map(({ name, shape }) => ({ name, shape: [...shape] })), wanted },
    hint,
  });
}

export function rankMismatch(
  adapter: string,
  module: string,
  ranks: { readonly stored: number; readonly resolved: number },
  tensor: TensorMeta,
): PlanError {
  const message = `adapter ${JSON.stringify(adapter)}: ${shown(tensor)} has rank ${ranks.stored}; the config resolves to ${ranks.resolved} for ${module}`;
  return new PlanError("TENON_ADAPTER_RANK_MISMATCH", message, {
    details: { adapter, module, stored: ranks.stored, resolved: ranks.resolved, tensor: tensor.name },
    hint: "Correct r or rank_pattern in adapter_config.json so that alpha / r is the scaling it was trained with.",
  });
}

export function pairIncomplete(adapter: string, module: string, missing: string): PlanError {
  const message = `adapter ${JSON.stringify(adapter)}: ${module} has no ${missing}`;
  return new PlanError("TENON_ADAPTER_PAIR_INCOMPLETE", message, {
    details: { adapter, module, missing },
    hint: "Save the adapter again; tenon doctor says how to go on without the module.",
  });
}

export function targetNotFound(adapter: string, module: string, wanted: readonly string[]): PlanError {
  const message = `adapter ${JSON.stringify(adapter)}: the base has none of ${wanted.join(", ")}, which ${module} changes`;
  return new PlanError("TENON_ADAPTER_TARGET_NOT_FOUND", message, {
    details: { adapter, module, wanted: [...wanted] },
    hint: "Check that this is the base the adapter was trained on.",
  });
}

export function ambiguous(
  adapter: string,
  module: string,
  what: string,
  tensors: readonly TensorMeta[],
): PlanError {
  const message = `adapter ${JSON.stringify(adapter)}: ${what} for ${module} cannot be told from shapes: ${tensors.map(shown).join(", ")}`;
  return new PlanError("TENON_ADAPTER_GEOMETRY_AMBIGUOUS", message, {
    details: { adapter, module, what, tensors: tensors.map(({ name }) => name) },
    hint: "Give the base with its config.json: the architecture tells.",
  });
}

export function unsupportedLayer(adapter: string, module: string, why: string): PlanError {
  const message = `adapter ${JSON.stringify(adapter)}: ${module} cannot be merged: ${why}`;
  return new PlanError("TENON_ADAPTER_LAYER_UNSUPPORTED", message, { details: { adapter, module, why } });
}
