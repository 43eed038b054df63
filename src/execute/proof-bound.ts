import type { Recipe } from "../core/index.ts";

/** The dtypes that a proof covers. */
export type ProvenDType = "BF16" | "F16" | "F32";

/** Largest relative error of one rounding to nearest: 2^-p for p bits of significand, the hidden one included. */
const unitRoundoff: Record<ProvenDType, number> = { BF16: 2 ** -8, F16: 2 ** -11, F32: 2 ** -24 };
/** Largest error of one rounding below the normal numbers: half of the smallest subnormal. */
const underflow: Record<ProvenDType, number> = { BF16: 2 ** -134, F16: 2 ** -25, F32: 2 ** -150 };

/** What one rounding of a sum of terms that are `size` together can be off by: the unit that errors are counted in. */
export function roundingUnit(dtype: ProvenDType, size: number): number {
  return Math.max(unitRoundoff[dtype] * size, underflow[dtype]);
}

export function isProvenDType(dtype: string): dtype is ProvenDType {
  return Object.hasOwn(unitRoundoff, dtype);
}

/**
 * The most that `Outcome.maxError` can be for a recipe of low-rank steps that was carried out right; undefined for
 * recipes that no proof covers. It is the sum of all roundings:
 *
 * - one for each sum W + s·D in the dtype that steps work in (the output's; F32 where the source has another), one more
 *   where D is rounded first, and one for the last cast where there is one;
 * - rank + 3 of F32 for each step: rank products and sums, s itself, s·D, and the sum before it is rounded down;
 * - 2 % for the terms of second order.
 *
 * BF16 and F16: little above 1. F32: little above rank + 4; in practice errors of F32 merges stay near 2.
 */
export function errorBound({ source, dtype, steps }: Recipe): number | undefined {
  if (!isProvenDType(dtype) || !isProvenDType(source.dtype) || steps.length === 0) return undefined;
  const isCast = source.dtype !== dtype;
  const unit = unitRoundoff[dtype];
  const work = isCast ? unitRoundoff.F32 : unit;
  let sum = isCast ? unit : 0;
  for (const step of steps) {
    if (step.kind !== "addLowRank") return undefined;
    sum += (step.roundDelta ? 2 : 1) * work + (step.loraRank + 3) * unitRoundoff.F32;
  }
  return (1.02 * sum) / unit;
}
