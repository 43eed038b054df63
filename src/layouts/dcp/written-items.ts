// A draft as the items of a checkpoint: what `dcp.save({"model": …, "optimizer": …})` flattens such a state dict into.
import { type Draft, type Json, type JsonRecord, PlanError, type Recipe } from "../../core/index.ts";
import type { PickleValue } from "../../pickle/index.ts";
import { counterOf } from "../counter.ts";
import { markedSettings, pickleOfJson, settingValue } from "../group-settings.ts";
import { liveModel } from "../live-model.ts";
import { distinctNames } from "../wrapped-names.ts";
import type { StatePath } from "./metadata.ts";

/** A tensor or Python object, and where it stands in the state dict. */
export type WrittenItem = {
  /** The path, joined by dots. */
  readonly name: string;
  readonly path: StatePath;
} & ({ readonly recipe: Recipe } | { readonly object: PickleValue });

/** The document of the trainer's state that reading makes of everything beside model and optimizer. */
export const restDocument = "dcp.json";

/**
 * Every item: the model under `model`, tied tensors under each of their names; the optimizer under `optimizer` as
 * `torch.distributed.checkpoint.state_dict.get_state_dict` gives it, by the names of the live model; the rest at the top.
 * @throws PlanError TENON_LAYOUT_SAME_NAME, TENON_OPTIMIZER_NOT_IN_MODEL, TENON_DCP_NAMES_CLASH
 */
export function writtenItems(draft: Draft): readonly WrittenItem[] {
  const { entries, aliases, names } = liveModel(draft);
  const items: WrittenItem[] = [];
  const add = (path: StatePath, content: { recipe: Recipe } | { object: PickleValue }): void => {
    items.push({ name: path.join("."), path, ...content });
  };
  const owners = new Map(entries.map(({ name, recipe }) => [name, recipe]));
  const tied = [...aliases].map(([name, owner]) => ({ name, recipe: owners.get(owner) as Recipe }));
  for (const { name, recipe } of distinctNames("dcp", [...entries, ...tied]))
    add(["model", name], { recipe });
  const { optimizer, trainer } = draft;
  if (optimizer !== undefined) {
    const named = liveNames(optimizer, names);
    for (const [parameter, state] of optimizer.states)
      for (const [key, recipe] of state) {
        const object = recipe.source.pythonNumber;
        add(["optimizer", "state", named(parameter), key], object === undefined ? { recipe } : { object });
      }
    for (const [at, { parameters, settings }] of optimizer.groups.entries()) {
      const group = ["optimizer", "param_groups", at] as const;
      for (const [key, value] of Object.entries(markedSettings(settings, optimizer)))
        add([...group, key], { object: settingValue(key, value) });
      add([...group, "params"], { object: parameters.map(named) });
    }
  }
  for (const [path, value] of leavesOf([], trainer?.documents.get(restDocument) ?? {}))
    add(path, { object: pickleOfJson(value) });
  refuseClashes(items);
  return items;
}

/** @throws PlanError TENON_OPTIMIZER_NOT_IN_MODEL */
function liveNames(
  { states, groups }: NonNullable<Draft["optimizer"]>,
  names: ReadonlyMap<string, string>,
): (parameter: string) => string {
  const known = [...states.keys(), ...groups.flatMap(({ parameters }) => parameters)];
  const strange = [...new Set(known.filter((parameter) => !names.has(parameter)))];
  if (strange.length > 0) {
    const more = strange.length > 1 ? ` and ${strange.length - 1} more` : "";
    const message = `dcp: the optimizer holds ${strange[0]}${more}, which the model lacks`;
    throw new PlanError("TENON_OPTIMIZER_NOT_IN_MODEL", message, {
      details: { names: strange.slice(0, 100), count: strange.length },
      hint: `Give the model that was trained: --base DIR. Or leave it out: --drop optimizer`,
    });
  }
  return (parameter) => names.get(parameter) as string;
}

/** As torch flattens: dicts are gone into, lists only where dicts lie in them (`_traverse.py`). */
function* leavesOf(at: StatePath, value: Json): Generator<readonly [StatePath, Json]> {
  if (isRecord(value) && counterOf(value) === undefined)
    for (const [key, item] of Object.entries(value)) yield* leavesOf([...at, key], item);
  else if (isList(value) && !isLeaf(value))
    for (const [index, item] of value.entries()) yield* leavesOf([...at, index], item);
  else yield [at, value];
}

function isLeaf(list: readonly Json[]): boolean {
  return !list.some((item) => isRecord(item) || (isList(item) && !isLeaf(item)));
}

function isRecord(value: Json): value is JsonRecord {
  return value !== null && typeof value === "object" && !Array.isArray(value);
}

function isList(value: Json): value is readonly Json[] {
  return Array.isArray(value);
}

/** No two items of one name, and none where another one's dict or list is. @throws PlanError TENON_DCP_NAMES_CLASH */
function refuseClashes(items: readonly WrittenItem[]): void {
  const names = new Set<string>();
  const containers = new Set<string>();
  for (const { path } of items)
    for (let depth = 1; depth < path.length; depth++) containers.add(JSON.stringify(path.slice(0, depth)));
  for (const { name, path } of items) {
    if (names.has(name)) throw clash(`two items would be named ${JSON.stringify(name)}`, name);
    if (containers.has(JSON.stringify(path)))
      throw clash(`${JSON.stringify(name)} would be a value and hold others`, name);
    names.add(name);
  }
}

function clash(what: string, name: string): PlanError {
  return new PlanError("TENON_DCP_NAMES_CLASH", `dcp: ${what}`, {
    details: { name },
    hint: "If it comes from the trainer's state, leave that out: --drop trainer",
  });
}
