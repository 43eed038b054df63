import {
  type DraftAdapter,
  type DraftBase,
  PlanError,
  type Recipe,
  sameShape,
  type TensorMeta,
} from "../core/index.ts";
import type { BitQuestion } from "./base-delta.ts";
import type { CarriedAdapter } from "./carried.ts";

export interface Folded {
  readonly base: DraftBase;
  readonly adapters: readonly DraftAdapter[];
  readonly folded: readonly string[];
}

type Parameter = DraftAdapter["parameters"][number];

/** The base parameter that an adapter's tensor is in a live model; undefined for what is the adapter's own there. */
function foldedAs({ meaning }: Parameter, { replacements }: CarriedAdapter): string | undefined {
  if (meaning.role === "modulesToSave") return undefined;
  const parameter = meaning.module === "" ? meaning.leaf : `${meaning.module}.${meaning.leaf}`;
  const kind = replacements.get(parameter);
  return kind === "bias" || kind === "embedding" ? parameter : undefined;
}

/** Copies of a tied alias: those that have the bits of their owner are the tie, and nothing is to be folded. */
export function questionsOfFold(
  adapters: readonly CarriedAdapter[],
  {
    tensors,
    ties,
  }: { readonly tensors: ReadonlyMap<string, TensorMeta>; readonly ties: ReadonlyMap<string, string> },
): BitQuestion[] {
  const copies = new Map<string, TensorMeta>();
  for (const adapter of adapters) {
    for (const parameter of adapter.parameters) {
      const name = foldedAs(parameter, adapter);
      if (name !== undefined) copies.set(name, parameter.recipe.source);
    }
  }
  return [...ties].flatMap(([alias, owner]) => {
    const [tensor, against] = [copies.get(alias), copies.get(owner) ?? tensors.get(owner)];
    if (tensor === undefined || against === undefined) return [];
    const isAlike = tensor.dtype === against.dtype && sameShape(tensor.shape, against.shape);
    return isAlike ? [{ name: alias, tensor, against }] : [];
  });
}

/**
 * In a live model a trained bias or embedding is the base's own parameter, under one name, while on disk it lies with the
 * adapter. A state dict has the live model's names, so such parameters take the base's place.
 * @param tied aliases whose copy has the bits of their owner: they stay ties
 * @throws PlanError TENON_BASE_CARRIED_TWICE when several adapters carry one
 */
export function foldInto(
  base: DraftBase,
  adapters: readonly CarriedAdapter[],
  tied: ReadonlySet<string>,
  verb: string,
): Folded {
  const tensors = new Map(base.tensors);
  const folded = new Map<string, string>();
  const rest: DraftAdapter[] = [];
  for (const adapter of adapters) {
    const { name, config } = adapter;
    const kept: { meaning: Parameter["meaning"]; recipe: Recipe }[] = [];
    for (const parameter of adapter.parameters) {
      const place = foldedAs(parameter, adapter);
      if (place === undefined) kept.push(parameter);
      else {
        const first = folded.get(place);
        if (first !== undefined) throw foldedTwice(place, [first, name], verb);
        folded.set(place, name);
        if (!tied.has(place)) tensors.set(place, parameter.recipe);
      }
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
