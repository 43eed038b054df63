import type { Tensor } from "../core/index.ts";
import { masterState } from "./carry-masters.ts";
import { type Components, Drops } from "./drops.ts";
import { adapterWithMasters } from "./merge-adapter-masters.ts";
import type { PlacedMaster } from "./merge-input.ts";
import { mastersAbsent, masterUnmatched } from "./merge-master-refusals.ts";
import { checkMaster, mastersIn } from "./merge-masters.ts";

/** A source that has fp32 masters in the place of its weights, and none in its optimizer. */
interface MasterSource {
  readonly source: Components;
  readonly placed: readonly PlacedMaster[];
}

/**
 * Puts the masters (F32, in the shape of the parameter) where the weights are that an engine rounded from them. Weights
 * without a master, such as frozen ones, stay as they are.
 * @throws PlanError TENON_MASTER_ABSENT, TENON_MASTER_MISMATCH, TENON_MASTER_UNMATCHED
 */
export function mastersAsWeights(
  source: Components,
  { verb, drop = [] }: { readonly verb: string; readonly drop?: readonly string[] },
): MasterSource {
  const drops = new Drops(drop, source, verb);
  const masters = drops.component("optimizer") ? new Map<string, Tensor>() : mastersIn(source);
  if (masters.size === 0) throw mastersAbsent([source], verb);
  const placed: PlacedMaster[] = [];
  const byWeight = new Map<string, Tensor>();
  const seen = new Set<string>();
  const find = (name: string, model: Tensor): Tensor | undefined => {
    const master = masters.get(name);
    if (master === undefined) return undefined;
    checkMaster(name, master, model, source, verb);
    placed.push({ source: source.location, name, model, master });
    byWeight.set(model.id, master);
    seen.add(name);
    return master;
  };
  const adapters = new Map(
    [...source.adapters].map(([name, adapter]) => [name, adapterWithMasters(adapter, find)]),
  );
  const { base, optimizer } = source;
  const tensors = new Map(base?.tensors);
  for (const name of masters.keys()) {
    const parameter = tensors.has(name) ? name : (base?.ties.get(name) ?? name);
    const model = tensors.get(parameter);
    const master = model && !seen.has(name) ? find(name, model) : undefined;
    if (master !== undefined) tensors.set(parameter, master);
  }
  const strange = [...masters.keys()].find((name) => !seen.has(name) && !drops.parameter(name));
  if (strange !== undefined) throw masterUnmatched(strange, source, verb);
  const entries = source.entries.map((entry) => ({
    ...entry,
    tensor: byWeight.get(entry.tensor.id) ?? entry.tensor,
  }));
  const states = new Map(
    [...(optimizer?.states ?? [])].map(([name, state]) => [
      name,
      new Map([...state].filter(([key]) => key !== masterState)),
    ]),
  );
  return {
    source: {
      ...source,
      ...(base && { base: { ...base, tensors } }),
      adapters,
      ...(optimizer && { optimizer: { ...optimizer, states } }),
      entries,
    },
    placed,
  };
}
