import { canonicalName, peftMemoryName } from "../adapters/index.ts";
import { type Draft, PlanError, type Recipe } from "../core/index.ts";
import { baseInMemory, type NamedRecipe } from "./wrapped-names.ts";

/** A model as its `state_dict()` has it while it is in training. */
export interface LiveModel {
  readonly entries: readonly NamedRecipe[];
  /** Tied names that are not among the entries: alias → name of the entry that is stored for both. */
  readonly aliases: ReadonlyMap<string, string>;
  /** Canonical name → name in the live model, aliases included. */
  readonly names: ReadonlyMap<string, string>;
}

/**
 * Names a draft's tensors as a live PeftModel with these adapters does; without adapters, as the base model does by itself.
 */
export function liveModel({ base, adapters }: Pick<Draft, "base" | "adapters">): LiveModel {
  const named = (tensors: ReadonlyMap<string, Recipe>): readonly NamedRecipe[] =>
    adapters.length === 0
      ? [...tensors].map(([name, recipe]) => ({ name, recipe }))
      : baseInMemory(tensors, adapters);
  const tensors = base?.tensors ?? new Map<string, Recipe>();
  const entries = [...named(tensors)];
  const names = new Map<string, string>();
  for (const [at, canonical] of [...tensors.keys()].entries())
    names.set(canonical, entries[at]?.name ?? canonical);
  for (const { name: adapter, parameters } of adapters)
    for (const { meaning, recipe } of parameters) {
      const name = peftMemoryName(meaning, adapter);
      entries.push({ name, recipe });
      names.set(canonicalName({ ...meaning, adapter }), name);
    }
  const aliases = new Map<string, string>();
  for (const [alias, owner] of base?.ties ?? []) {
    const recipe = tensors.get(owner);
    if (recipe === undefined || tensors.has(alias)) continue;
    const [own] = named(new Map([[alias, recipe]]));
    names.set(alias, own?.name ?? alias);
    aliases.set(own?.name ?? alias, names.get(owner) ?? owner);
  }
  return { entries, aliases, names };
}

/** @throws PlanError TENON_LAYOUT_NEEDS_WHOLE_BASE for part of a base, of which no live model consists */
export function refusePartialBase(layout: string, { base }: Pick<Draft, "base">): void {
  if (base === undefined || base.isComplete) return;
  const message = `${layout}: needs a whole base model or none, found ${base.tensors.size} tensors of it`;
  throw new PlanError("TENON_LAYOUT_NEEDS_WHOLE_BASE", message, {
    details: { layout, tensors: base.tensors.size },
    hint: "Give the base model: --base DIR",
  });
}
