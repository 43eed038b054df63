import { isSingleExpert } from "../adapters/index.ts";
import { type Draft, type OutputFile, PlanError } from "../core/index.ts";
import { adapterDirectory, adapterPlace } from "./adapter-directory.ts";
import { baseInMemory } from "./wrapped-names.ts";

/**
 * A PEFT directory whose adapter file also holds base parameters, under the names that they have in memory: PEFT's
 * loader passes names that it does not know through to `load_state_dict`, so they take the base's place.
 * The parameters go with the adapter `default`, or else with the first.
 * @param layout named in errors
 * @throws PlanError TENON_LAYOUT_EXPERTS_APART for experts one by one, TENON_LAYOUT_NEEDS_ADAPTER, TENON_LAYOUT_NEEDS_ADAPTER_CONFIG, TENON_LAYOUT_SAME_NAME
 */
export function hybridFiles(draft: Draft, layout: string): readonly OutputFile[] {
  const carrier = draft.adapters.find(({ name }) => name === "default") ?? draft.adapters[0];
  if (carrier === undefined) {
    throw new PlanError("TENON_LAYOUT_NEEDS_ADAPTER", `${layout}: there is no adapter to write`, {
      details: { layout },
      hint: "Write the layout hf, which is for a model without adapters.",
    });
  }
  refuseSingleExperts(draft, layout);
  const files = draft.adapters.flatMap((adapter) =>
    adapterDirectory(adapter, {
      layout,
      directory: adapterPlace(adapter.name),
      needsConfig: true,
      more: adapter === carrier ? baseInMemory(draft.base?.tensors ?? new Map(), [adapter]) : [],
    }),
  );
  const copies = draft.companions.map(({ path, source }) => ({ kind: "copy", path, source }) as const);
  return [...files, ...copies];
}

/** Where the live model has experts fused, PEFT would pass over the single ones without a word. */
function refuseSingleExperts({ base, adapters }: Draft, layout: string): void {
  const names = [...(base?.tensors.keys() ?? [])].filter(isSingleExpert);
  const [first] = names;
  // LoRA on a single expert shows that the live model has them one by one, as transformers 4 did.
  const isApart = adapters.some(({ parameters }) =>
    parameters.some(({ meaning: { module } }) => isSingleExpert(`${module}.weight`)),
  );
  if (first === undefined || isApart) return;
  const message = `${layout}: ${names.length} parameters are single experts (${first}), and a live model of transformers 5 has them fused, so PEFT would not load them`;
  throw new PlanError("TENON_LAYOUT_EXPERTS_APART", message, {
    details: { layout, tensors: names.length, tensor: first },
    hint: "Convert the live model's own state dict without --base, which keeps them fused; or write the layout tenon, or merge.",
  });
}
