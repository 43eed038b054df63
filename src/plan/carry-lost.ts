// Moments of base parameters that were trained and not saved: they must not meet other weights.

import type { ConversionInput } from "./conversion-input.ts";
import { planError } from "./plan-error.ts";

/** Of the observation, and of the refusal. */
const code = "TENON_TRAINED_BASE_LOST";

/**
 * Refuses what an engine would resume from and go on with moments that belong to other weights: those of a base that was
 * given in the place of the lost one.
 * @throws PlanError TENON_TRAINED_BASE_LOST
 */
export function refuseLostBase({ source, carried }: ConversionInput, verb: string): void {
  const lost = carried.optimizer?.weightsLost ?? [];
  const count = lost.length;
  if (count === 0) return;
  const message = `${verb}: the optimizer trained ${count} parameters of the base that are not stored, and another base's weights are not what their moments belong to (${source.location})`;
  throw planError(code, message, {
    details: { names: lost.slice(0, 1000), count, source: source.location },
    hint: "Look for a state dict of the same run. To go on with fresh moments: --drop optimizer. To go on without training them: tenon edit with --freeze NAME",
  });
}
