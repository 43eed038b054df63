import type { ConversionInput, ConversionPlan } from "./conversion-input.ts";
import { planConvert } from "./convert.ts";

/**
 * Plans the parts of a hybrid side by side in tenon's layout: the base under the names that transformers expects, each
 * adapter as PEFT keeps it. With a base below, only the base parameters whose bits differ, and the digests of the others.
 * @throws as {@link planConvert}
 */
export function planSplit(input: ConversionInput): ConversionPlan {
  return planConvert(input, { verb: "split", target: "tenon", form: "delta" });
}
