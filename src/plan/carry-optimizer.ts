import { canonicalName } from "../adapters/index.ts";
import type { DraftOptimizer, Recipe } from "../core/index.ts";
import { type CarryOptions, keep } from "./carried.ts";
import { masterState } from "./carry-masters.ts";
import type { Components, Drops } from "./drops.ts";

const lostCode = "TENON_TRAINED_BASE_LOST";

/** Whether optimizer state goes by the names of parameters; torch itself counts them. */
export function isNamed(source: Components): boolean {
  const { optimizer, base } = source;
  const keys = [...(optimizer?.states.keys() ?? [])];
  // Also those without state: SGD without momentum has groups alone.
  const members = (optimizer?.groups ?? []).flatMap(({ parameters }) => parameters);
  if ([...keys, ...members].some((key) => /^\d+$/.test(key))) return false;
  // A base that is not whole does not know all names.
  if (base === undefined || !base.isComplete) return true;
  const names = parameterNames(source);
  return keys.every((key) => names.has(key));
}

/** State of every parameter that goes along; state of what is left out is left out with it, and so are masters. */
export function carryOptimizer(
  source: Components,
  drops: Drops,
  { holds }: Pick<CarryOptions, "holds">,
): DraftOptimizer | undefined {
  const { optimizer } = source;
  if (optimizer === undefined || drops.component("optimizer")) return undefined;
  const isKept = (name: string): boolean => {
    const colon = name.indexOf(":");
    const owner = colon < 0 ? undefined : name.slice(0, colon);
    if (owner !== undefined && source.adapters.has(owner) ? drops.adapter(owner) : drops.component("base"))
      return false;
    return !drops.parameter(name);
  };
  const holdsMasters = holds.includes("masters") && !drops.component("masters");
  const states = new Map<string, ReadonlyMap<string, Recipe>>();
  for (const [name, state] of optimizer.states) {
    if (!isKept(name)) continue;
    const kept = [...state].filter(([key]) => holdsMasters || key !== masterState);
    states.set(name, new Map(kept.map(([key, tensor]) => [key, keep(tensor)])));
  }
  const groups = optimizer.groups.map(({ parameters, settings }) => ({
    parameters: parameters.filter(isKept),
    settings,
  }));
  const lost = lostParameters(source).filter((name) => states.has(name));
  return {
    states,
    groups,
    ...(optimizer.orderUnknown && { orderUnknown: optimizer.orderUnknown }),
    ...(lost.length > 0 && { weightsLost: lost }),
  };
}

/** Parameters with moments and without weights. Where the file counted them, reading knew shapes alone. */
function lostParameters(source: Components): readonly string[] {
  const { optimizer, observations } = source;
  const lost = observations.find(({ code }) => code === lostCode);
  if (lost === undefined || optimizer === undefined) return [];
  const observed = lost.names.filter((name) => optimizer.states.has(name));
  if (observed.length > 0) return observed;
  const held = parameterNames(source);
  return [...optimizer.states.keys()].filter((name) => !held.has(name));
}

function parameterNames({ base, adapters, entries }: Components): Set<string> {
  const names = new Set([...(base?.tensors.keys() ?? []), ...(base?.ties.keys() ?? [])]);
  for (const { meaning } of entries) if (meaning.role === "plain") names.add(canonicalName(meaning));
  for (const [name, adapter] of adapters) {
    for (const { meaning } of adapter.entries) names.add(canonicalName({ ...meaning, adapter: name }));
    // A saved module goes by its plain name on disk.
    for (const { kind, parameter } of adapter.replacements)
      if (kind === "modulesToSave") names.add(`${name}:${parameter}`);
  }
  return names;
}
