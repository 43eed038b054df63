import { type DraftAdapter, type DraftBase, PlanError, type Recipe } from "../core/index.ts";
import type { CarriedAdapter } from "./carried.ts";

export interface Folded {
  readonly base: DraftBase;
  readonly adapters: readonly DraftAdapter[];
  readonly folded: readonly string[];
}

/**
 * In a live model a trained bias or embedding is the base's own parameter, under one name, while on disk it lies with the
 * adapter. A state dict has the live model's names, so such parameters take the base's place.
 * @throws PlanError TENON_BASE_CARRIED_TWICE when several adapters carry one
 */
export function foldInto(base: DraftBase, adapters: readonly CarriedAdapter[], verb: string): Folded {
  const tensors = new Map(base.tensors);
  const folded = new Map<string, string>();
  const rest: DraftAdapter[] = [];
  for (const { name, config, parameters, replacements } of adapters) {
    const kept: { meaning: DraftAdapter["parameters"][number]["meaning"]; recipe: Recipe }[] = [];
    for (const { meaning, recipe } of parameters) {
      const parameter = meaning.module === "" ? meaning.leaf : `${meaning.module}.${meaning.leaf}`;
      const kind = meaning.role === "modulesToSave" ? undefined : replacements.get(parameter);
      if (kind === "bias" || kind === "embedding") {
        const first = folded.get(parameter);
        if (first !== undefined) throw foldedTwice(parameter, [first, name], verb);
        folded.set(parameter, name);
        tensors.set(parameter, recipe);
      } else kept.push({ meaning, recipe });
    }
    rest.push({ name, config, parameters: kept });
  }
  const ties = new Map([...base.ties].filter(([alias]) => !tensors.has(alias)));
  return { base: { ...base, tensors, ties }, adapters: rest, folded: [...folded.keys()] };
}

function foldedTwice(parameter: string, adapters: readonly string[], verb: string): PlanError {
  const message = `${verb}: adapters ${adapters.join(" and ")} both carry "${parameter}", and a live model has it once`;
  return new PlanError("TENON_BASE_CARRIED_TWICE", message, {
    details: { parameter, adapters },
    hint: `Write the layout tenon, or leave one out: --drop adapter:${adapters[1]}`,
  });
}
