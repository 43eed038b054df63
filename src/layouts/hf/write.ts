import { type Draft, type OutputFile, PlanError } from "../../core/index.ts";
import type { ArrangeOptions } from "../layout.ts";
import { modelDirectory } from "../model-directory.ts";

/** @throws PlanError TENON_LAYOUT_CANNOT_HOLD for adapters, TENON_LAYOUT_NEEDS_WHOLE_BASE */
export function arrangeHf(draft: Draft, options: ArrangeOptions): readonly OutputFile[] {
  if (draft.adapters.length > 0) {
    const names = draft.adapters.map(({ name }) => name);
    const message = `hf: a transformers directory holds no adapters, and there are ${names.length}: ${names.join(", ")}`;
    throw new PlanError("TENON_LAYOUT_CANNOT_HOLD", message, {
      details: { layout: "hf", adapters: names },
      hint: "Merge them first, or write the layout tenon or peft-hybrid.",
    });
  }
  if (draft.base === undefined || !draft.base.isComplete) {
    const found = draft.base === undefined ? "none" : `${draft.base.tensors.size} tensors of it`;
    throw new PlanError("TENON_LAYOUT_NEEDS_WHOLE_BASE", `hf: needs a whole base model, found ${found}`, {
      details: { layout: "hf", tensors: draft.base?.tensors.size ?? 0 },
      hint: "Give the base model: --base DIR",
    });
  }
  const copies = draft.companions.map(({ path, source }) => ({ kind: "copy", path, source }) as const);
  return [...modelDirectory(draft.base, options), ...copies];
}
