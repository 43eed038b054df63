import { type Draft, PlanError } from "../core/index.ts";

/**
 * Refuses to write a checkpoint with nothing in it. A base of which no tensor moved still stands on another one.
 * @throws PlanError TENON_CONVERSION_EMPTY
 */
export function refuseEmpty({ base, adapters, optimizer, trainer }: Draft, task: string, from: string): void {
  const hasBase = base !== undefined && (base.tensors.size > 0 || base.reference !== undefined);
  if (hasBase || adapters.length > 0 || optimizer !== undefined || trainer !== undefined) return;
  const message = `${task}: neither base nor adapter, optimizer or trainer state is left to write (${from})`;
  throw new PlanError("TENON_CONVERSION_EMPTY", message, {
    details: { source: from },
    hint: "Drop less; tenon inspect shows what the source holds.",
  });
}
