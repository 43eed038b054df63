// fp32 masters in the place of the 16-bit tensors that an engine made of them.
import { type DType, type Recipe, sameShape, type Tensor } from "../core/index.ts";
import { type BaseLayer, type OverlaidBase, overlayBases } from "./base.ts";
import { masterState } from "./carry-masters.ts";
import type { Components } from "./drops.ts";
import { adapterWithMasters, namesOfAdapters } from "./merge-adapter-masters.ts";
import type { AdapterChoice, Masters, MasterUse, PlacedMaster } from "./merge-input.ts";
import { masterMismatch, masterSeveral, mastersAbsent, masterUnmatched } from "./merge-master-refusals.ts";

export interface MasterInput {
  /** Every checkpoint that may hold masters: sources and bases. */
  readonly holders: readonly Components[];
  /** The lowest first. */
  readonly bases: readonly BaseLayer[];
  readonly adapters: readonly AdapterChoice[];
  /** Canonical names of base parameters that are left out. */
  readonly drop?: readonly string[];
}

/**
 * Finds the masters (F32, in the shape of the parameter) of base parameters, and gives each adapter its masters in the place
 * of factors, magnitudes, biases and whole modules. Where layers of the base each have a master the highest counts, and none
 * that lies below the tensor that counts.
 * @throws PlanError TENON_MASTER_ABSENT, TENON_MASTER_MISMATCH, TENON_MASTER_SEVERAL, TENON_MASTER_UNMATCHED
 */
export function layMasters(input: MasterInput): Masters & { readonly adapters: readonly AdapterChoice[] } {
  const { holders, bases, drop = [] } = input;
  const base = overlayBases(bases);
  const placed: PlacedMaster[] = [];
  const own = new Map<string, { readonly master: Tensor; readonly holder: Components }>();
  const height = ({ location }: Pick<Components, "location">): number => heightOf(location, bases);
  for (const holder of holders) {
    const apart = new Set([...namesOfAdapters(holder), ...drop]);
    for (const [name, master] of mastersIn(holder)) {
      if (apart.has(name)) continue;
      const found = base && parameterOf(base, name);
      if (found === undefined) throw masterUnmatched(name, holder);
      const { parameter, tensor, from } = found;
      if (height(holder) < heightOf(from, bases)) continue;
      checkMaster(name, master, tensor, holder);
      const other = own.get(parameter);
      if (other !== undefined && height(other.holder) === height(holder))
        throw masterSeveral(parameter, other.holder.location, holder.location);
      if (other === undefined || height(other.holder) < height(holder))
        own.set(parameter, { master, holder });
      placed.push({ source: holder.location, name, model: tensor, master });
    }
  }
  const adapters = input.adapters.map((choice) => {
    const holder = holders.find(({ location }) => location === choice.source);
    if (holder === undefined) return choice;
    const masters = mastersIn(holder);
    const adapter = adapterWithMasters(choice.adapter, (name, tensor) => {
      const master = masters.get(name);
      if (master === undefined) return undefined;
      checkMaster(name, master, tensor, holder);
      placed.push({ source: holder.location, name, model: tensor, master });
      return master;
    });
    return { ...choice, adapter };
  });
  if (placed.length === 0) throw mastersAbsent(holders);
  return { base: new Map([...own].map(([name, { master }]) => [name, master])), placed, adapters };
}

/** Which masters had a part in the recipes of a merge. */
export function masterUses(recipes: Iterable<Recipe>, { placed }: Masters): readonly MasterUse[] {
  const used = new Set<string>();
  for (const { source, steps } of recipes) {
    used.add(source.id);
    for (const step of steps) {
      if (step.kind === "addLowRank" || step.kind === "dora") {
        used.add(step.left.tensor.id).add(step.right.tensor.id);
        if (step.kind === "dora") used.add(step.magnitude.id);
      } else used.add(step.tensor.id);
    }
  }
  const uses = new Map<string, string[]>();
  for (const { source, name, master } of placed)
    if (used.has(master.id)) uses.set(source, [...(uses.get(source) ?? []), name]);
  return [...uses].map(([source, tensors]) => ({ source, tensors }));
}

export function mastersIn({ optimizer }: Components): ReadonlyMap<string, Tensor> {
  const masters = new Map<string, Tensor>();
  for (const [name, state] of optimizer?.states ?? []) {
    const master = state.get(masterState);
    if (master !== undefined) masters.set(name, master);
  }
  return masters;
}

/** What holds no layer of the base lies above all of them. */
function heightOf(location: string, bases: readonly BaseLayer[]): number {
  const at = bases.findLastIndex(({ label }) => label === location);
  return at < 0 ? bases.length : at;
}

function parameterOf(
  base: OverlaidBase,
  name: string,
): { readonly parameter: string; readonly tensor: Tensor; readonly from: string } | undefined {
  const parameter = base.tensors.has(name) ? name : (base.ties.get(name) ?? name);
  const tensor = base.tensors.get(parameter);
  return tensor && { parameter, tensor, from: base.from.get(parameter) ?? "" };
}

const floats: ReadonlySet<DType> = new Set<DType>(["BF16", "F16", "F32", "F64"]);

/** @throws PlanError TENON_MASTER_MISMATCH */
export function checkMaster(
  name: string,
  master: Tensor,
  tensor: Tensor,
  { location }: Components,
  verb?: string,
): void {
  const isFit = master.dtype === "F32" && sameShape(master.shape, tensor.shape) && floats.has(tensor.dtype);
  if (!isFit) throw masterMismatch(name, master, tensor, location, verb);
}
