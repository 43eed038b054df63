// An optimizer as the file that `torch.save(optimizer.state_dict())` makes.
import { type Draft, type OutputFile, PlanError, type Recipe } from "../core/index.ts";
import { TensorPlace } from "../formats/index.ts";
import { PickleMap } from "../pickle/index.ts";
import { settingValue } from "./group-settings.ts";
import { liveModel } from "./live-model.ts";
import { baseInMemory } from "./wrapped-names.ts";

/**
 * `{"state": {number: {…}}, "param_groups": [{…, "params": [number], "param_names": [name]}]}`. Numbers count through the
 * groups, in each in the order of its parameters, as `Optimizer.state_dict` of torch 2.13 counts them. `param_names`, which
 * torch keeps of an optimizer that was given names and otherwise takes over, says which parameter each number is.
 * @returns nothing for a draft without an optimizer
 * @throws PlanError TENON_OPTIMIZER_NOT_IN_MODEL, TENON_OPTIMIZER_GROUP_LACKING, TENON_OPTIMIZER_ORDER_UNKNOWN
 */
export function optimizerFile(draft: Draft, layout: string, path: string): readonly OutputFile[] {
  const { optimizer } = draft;
  if (optimizer === undefined) return [];
  if (optimizer.orderUnknown !== undefined) throw orderUnknown(layout, optimizer.orderUnknown);
  const { states, groups } = optimizer;
  const names = liveNames(draft, layout);
  const entries: { readonly name: string; readonly recipe: Recipe }[] = [];
  const numbers = new Map<string, number>();
  const written = groups.map(({ parameters, settings }, at) => {
    if (!("lr" in settings)) throw lacking(layout, `param group ${at} has no learning rate`, { group: at });
    const group = new PickleMap();
    for (const [key, value] of Object.entries(settings)) group.set(key, settingValue(key, value));
    for (const name of parameters) {
      if (numbers.has(name)) throw lacking(layout, `${name} is in two param groups`, { parameter: name });
      numbers.set(name, numbers.size);
    }
    group.set(
      "params",
      parameters.map((name) => numbers.get(name) as number),
    );
    group.set(
      "param_names",
      parameters.map((name) => names.get(name) as string),
    );
    return group;
  });
  const loose = [...states.keys()].find((name) => !numbers.has(name));
  if (loose !== undefined)
    throw lacking(layout, `the state of ${loose} belongs to no param group`, { parameter: loose });
  const state = new PickleMap();
  for (const [parameter, number] of numbers) {
    const own = new PickleMap();
    for (const [key, recipe] of inTorchsOrder(states.get(parameter))) {
      const name = `${number}/${key}`;
      const plain = recipe.source.pythonNumber;
      if (plain !== undefined) {
        own.set(key, plain);
        continue;
      }
      entries.push({ name, recipe });
      own.set(key, new TensorPlace(name));
    }
    if (own.size > 0) state.set(number, own);
  }
  const object = new PickleMap().set("state", state).set("param_groups", written);
  return [{ kind: "tensors", path, format: "torch", entries, metadata: {}, objects: [object] }];
}

/** As torch's Adam has them: the step, then the moments by name. A file of safetensors would have them sorted by size. */
function inTorchsOrder(
  state: ReadonlyMap<string, Recipe> = new Map(),
): readonly (readonly [string, Recipe])[] {
  const rank = (key: string): string => (key === "step" ? "" : key);
  return [...state].sort(([one], [other]) => (rank(one) < rank(other) ? -1 : 1));
}

/**
 * Canonical name → name in the live model. Where the draft holds part of a base, a parameter of which nothing moved is not in
 * it, and is called as the base's own are.
 * @throws PlanError TENON_OPTIMIZER_NOT_IN_MODEL
 */
function liveNames(draft: Draft, layout: string): ReadonlyMap<string, string> {
  const { states, groups } = draft.optimizer ?? { states: new Map(), groups: [] };
  const names = new Map(liveModel(draft).names);
  const all = new Set([...states.keys(), ...groups.flatMap(({ parameters }) => parameters)]);
  const absent = [...all].filter((name) => !names.has(name));
  const owners = draft.adapters.map(({ name }) => `${name}:`);
  const isOfBase = (name: string): boolean => !owners.some((owner) => name.startsWith(owner));
  const strange = absent.filter((name) => draft.base?.isComplete === true || !isOfBase(name));
  if (strange.length > 0) {
    const more = strange.length > 1 ? ` and ${strange.length - 1} more` : "";
    const message = `${layout}: the optimizer holds ${strange[0]}${more}, which the model lacks`;
    throw new PlanError("TENON_OPTIMIZER_NOT_IN_MODEL", message, {
      details: { names: strange.slice(0, 100), count: strange.length },
      hint: "Give the model that was trained: --base DIR. Or leave it out: --drop optimizer",
    });
  }
  // Only the names count here.
  const tensors = new Map(absent.map((name) => [name, undefined as unknown as Recipe]));
  const inMemory = draft.adapters.length > 0 ? baseInMemory(tensors, draft.adapters) : [];
  for (const [at, name] of absent.entries()) names.set(name, inMemory[at]?.name ?? name);
  return names;
}

function lacking(layout: string, what: string, details: Readonly<Record<string, unknown>>): PlanError {
  return new PlanError(
    "TENON_OPTIMIZER_GROUP_LACKING",
    `${layout}: ${what}, and torch's optimizers need it`,
    {
      details: { layout, ...details },
      hint: "Take a save that keeps param groups; or leave it out: --drop optimizer",
    },
  );
}

function orderUnknown(layout: string, reason: string): PlanError {
  const message = `${layout}: the order in which the optimizer was given its parameters is not known: ${reason}`;
  return new PlanError("TENON_OPTIMIZER_ORDER_UNKNOWN", message, {
    details: { layout, reason },
    hint: "Give it: --param-order FILE, one name a line, group by group. Or write a layout that names parameters (tenon, dcp, universal), or leave it out: --drop optimizer",
  });
}
