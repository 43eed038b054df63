import { type Draft, type OutputFile, PlanError } from "../../core/index.ts";
import { adapterDirectory, adapterPlace } from "../adapter-directory.ts";
import { baseInMemory } from "../wrapped-names.ts";

/**
 * A PEFT directory whose adapter file also holds base parameters, under the names that they have in memory: PEFT's
 * loader passes names that it does not know through to `load_state_dict`, so they take the base's place.
 * The parameters go with the adapter `default`, or else with the first.
 * @throws PlanError TENON_LAYOUT_NEEDS_ADAPTER, TENON_LAYOUT_NEEDS_ADAPTER_CONFIG, TENON_LAYOUT_SAME_NAME
 */
export function arrangePeftHybrid(draft: Draft): readonly OutputFile[] {
  const carrier = draft.adapters.find(({ name }) => name === "default") ?? draft.adapters[0];
  if (carrier === undefined) {
    throw new PlanError("TENON_LAYOUT_NEEDS_ADAPTER", "peft-hybrid: there is no adapter to write", {
      details: { layout: "peft-hybrid" },
      hint: "Write the layout hf, which is for a model without adapters.",
    });
  }
  const files = draft.adapters.flatMap((adapter) =>
    adapterDirectory(adapter, {
      layout: "peft-hybrid",
      directory: adapterPlace(adapter.name),
      needsConfig: true,
      more: adapter === carrier ? baseInMemory(draft.base?.tensors ?? new Map(), [adapter]) : [],
    }),
  );
  const copies = draft.companions.map(({ path, source }) => ({ kind: "copy", path, source }) as const);
  return [...files, ...copies];
}
