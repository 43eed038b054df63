import { isTenonError, type TenonError } from "../../core/index.ts";
import { parameterChangesOf } from "./changes.ts";
import type { GeometryContext } from "./context.ts";

/** A module whose factors cannot be laid over the base, and why. */
export interface Misfit {
  /** Key of the module in {@link AdapterComponent}. */
  readonly module: string;
  readonly error: TenonError;
}

/** Tries every module of an adapter against a base and gathers what does not fit, instead of stopping at the first. */
export function misfitsOf(context: GeometryContext): readonly Misfit[] {
  const found: Misfit[] = [];
  for (const [module, pair] of context.modules) {
    try {
      parameterChangesOf(context, pair);
    } catch (error) {
      if (!isTenonError(error)) throw error;
      found.push({ module, error });
    }
  }
  return found;
}
