import { type Draft, type OutputFile, PlanError } from "../../core/index.ts";
import { adapterDirectory, adapterPlace } from "../adapter-directory.ts";

/**
 * @throws PlanError TENON_LAYOUT_CANNOT_HOLD for a base, TENON_LAYOUT_NEEDS_ADAPTER when there is none,
 *   TENON_LAYOUT_NEEDS_ADAPTER_CONFIG
 */
export function arrangePeft(draft: Draft): readonly OutputFile[] {
  if (draft.base !== undefined && draft.base.tensors.size > 0) {
    const message = `peft: a PEFT directory holds no base parameters, and there are ${draft.base.tensors.size}`;
    throw new PlanError("TENON_LAYOUT_CANNOT_HOLD", message, {
      details: { layout: "peft", tensors: draft.base.tensors.size },
      hint: "Write the layout peft-hybrid or tenon, which keep them.",
    });
  }
  if (draft.adapters.length === 0)
    throw new PlanError("TENON_LAYOUT_NEEDS_ADAPTER", "peft: there is no adapter to write", {
      details: { layout: "peft" },
    });
  const files = draft.adapters.flatMap((adapter) =>
    adapterDirectory(adapter, { layout: "peft", directory: adapterPlace(adapter.name), needsConfig: true }),
  );
  const copies = draft.companions.map(({ path, source }) => ({ kind: "copy", path, source }) as const);
  return [...files, ...copies];
}
