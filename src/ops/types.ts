import type { DType } from "../core/index.ts";

/** What a merge can change in place. */
export type WeightType = Extract<DType, "BF16" | "F16" | "F32">;

/** What a factor may be stored as; cast anything else first. */
export type FactorType = WeightType;

/** What the casts, the scan and the comparison understand. */
export type FloatType = Extract<DType, "BF16" | "F16" | "F32" | "F64" | "F8_E4M3" | "F8_E5M2">;

/** Whether a result is rounded once, or the delta is rounded to the weight's type before it is added. */
export type Rounding = "once" | "twice";

/** How products are summed: a rounded product, then a rounded sum; or both in one rounding. */
export type Accumulate = "muladd" | "fma";

export function itemBytes(dtype: FloatType): 1 | 2 | 4 | 8 {
  if (dtype === "F64") return 8;
  if (dtype === "F32") return 4;
  return dtype === "BF16" || dtype === "F16" ? 2 : 1;
}
