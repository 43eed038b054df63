import { canonicalName } from "../adapters/index.ts";
import type { JsonRecord, NameMeaning, Recipe, Role } from "../core/index.ts";
import { withFields } from "../core/index.ts";
import type { CarriedAdapter } from "./carried.ts";
import { groupFor } from "./edit-groups.ts";
import type { EditChanges } from "./edit-input.ts";
import { noteFresh, train } from "./edit-moments.ts";
import { adapterAbsent, adapterKind, badAdapterName, notTrainable } from "./edit-refusals.ts";
import { type EditState, isTrained } from "./edit-state.ts";
import { type Fill, zeros } from "./made-tensor.ts";
import { modulesFor } from "./new-adapter-modules.ts";
import { type NewTensor, newFactor } from "./new-factor.ts";

/** @throws UsageError TENON_ADAPTER_NOT_FOUND */
export function removeAdapters(state: EditState, names: readonly string[]): void {
  for (const name of names) {
    const adapter = state.adapters.get(name);
    if (adapter === undefined) throw adapterAbsent(name, [...state.adapters.keys()], state);
    state.adapters.delete(name);
    state.adaptersRemoved.push(name);
    const rest = state.parameters();
    for (const { meaning } of adapter.parameters) {
      const parameter = canonicalName({ ...meaning, adapter: name });
      state.dropped.push(parameter);
      // A bias or an embedding that it carried goes by the name of the base's own, which another adapter may carry too.
      const isOthers = !parameter.startsWith(`${name}:`) && carriedElsewhere(state, parameter);
      if (!isOthers) state.untrain(parameter);
    }
    for (const trained of state.trained())
      if (trained.startsWith(`${name}:`) && !rest.has(trained)) state.untrain(trained);
  }
}

function carriedElsewhere(state: EditState, parameter: string): boolean {
  return [...state.adapters.values()].some(({ replacements }) => replacements.has(parameter));
}

/**
 * Adds adapters whose B is zero, so that the model computes what it did. With an optimizer they are trained from now on.
 * @throws UsageError TENON_EDIT_ADAPTER_NAME, TENON_ADAPTER_NOT_FOUND; UnsupportedError TENON_EDIT_ADAPTER_KIND,
 *   TENON_EDIT_NOT_TRAINABLE; PlanError TENON_EDIT_TARGETS; as `groupFor` and `train`
 */
export function addAdapters(
  state: EditState,
  { addAdapters: added = [], paramGroup }: Pick<EditChanges, "addAdapters" | "paramGroup">,
): void {
  for (const { name, like } of added) {
    if (!/^[A-Za-z0-9_-]+$/.test(name))
      throw badAdapterName(name, "letters, digits, _ and - are allowed", state);
    if (state.adapters.has(name)) throw badAdapterName(name, "there is one already", state);
    const { tensors, config } =
      typeof like === "string" ? copied(state, name, like) : modulesFor(state, name, like);
    const parameters: { meaning: NameMeaning; recipe: Recipe }[] = [];
    const fills = new Map<string, Fill>();
    for (const { meaning, dtype, shape } of tensors) {
      const parameter = canonicalName({ ...meaning, adapter: name });
      const fill = newFactor(meaning.role, shape, { seed: state.seed, stream: parameter });
      fills.set(parameter, fill);
      const recipe = state.make(parameter, dtype, shape, { kind: "filled", fill });
      parameters.push({ meaning: { ...meaning, adapter: name }, recipe });
    }
    if (state.groups !== undefined) {
      const placed = parameters.map(({ meaning, recipe }) => {
        const parameter = canonicalName(meaning);
        return { name: parameter, recipe, at: groupFor(state, parameter, paramGroup) };
      });
      for (const { name: parameter, recipe, at } of placed)
        train(state, { name: parameter, recipe, fill: fills.get(parameter) ?? zeros }, at);
      for (const at of new Set(placed.map((each) => each.at)))
        noteFresh(state, at, `Parameters of adapter ${name} (param group ${at})`);
    }
    state.adapters.set(name, { name, config, parameters, replacements: new Map() });
    const modules = new Set(parameters.map(({ meaning }) => `${meaning.module}#${meaning.nesting}`)).size;
    state.adaptersAdded.push({ name, modules, parameters: parameters.length });
  }
}

const lowRank: ReadonlySet<Role> = new Set([
  "loraA",
  "loraB",
  "loraEmbeddingA",
  "loraEmbeddingB",
  "loraBias",
]);

/** The low-rank pairs of another adapter; what that one carries whole is not copied. */
function copied(
  state: EditState,
  name: string,
  like: string,
): { readonly tensors: readonly NewTensor[]; readonly config: JsonRecord } {
  const model = state.adapters.get(like);
  if (model === undefined) throw adapterAbsent(like, [...state.adapters.keys()], state);
  const odd = model.parameters.find(({ meaning: { role } }) =>
    ["magnitude", "loraDiag", "loraExtra"].includes(role),
  );
  if (odd !== undefined)
    throw adapterKind(
      like,
      `has ${odd.meaning.role}, which depends on the base's values, so that it is no model for a new one`,
      state,
    );
  const tensors = model.parameters
    .filter(({ meaning }) => lowRank.has(meaning.role))
    .map(({ meaning, recipe }): NewTensor => {
      if (!isTrained(recipe.dtype))
        throw notTrainable(canonicalName({ ...meaning, adapter: like }), recipe.dtype, state);
      return { meaning, dtype: recipe.dtype, shape: recipe.shape };
    });
  if (tensors.length === 0) throw adapterKind(like, "has no low-rank pair", state);
  noteNotCopied(state, name, model, tensors.length);
  return { tensors, config: freshConfig(model.config) };
}

function noteNotCopied(state: EditState, name: string, model: CarriedAdapter, count: number): void {
  const rest = model.parameters.length - count;
  if (rest === 0) return;
  state.notes.push(
    `Adapter ${name} has the low-rank pairs of ${model.name}, and not the ${rest} tensors that it carries whole.`,
  );
}

/** A config without what only the first adapter has: its initialisation, and what it carries whole. */
function freshConfig(config: JsonRecord): JsonRecord {
  if (Object.keys(config).length === 0) return config;
  const changes: Record<string, JsonRecord[string]> = {};
  for (const key of ["modules_to_save", "trainable_token_indices"])
    if (Object.hasOwn(config, key)) changes[key] = null;
  if (Object.hasOwn(config, "bias")) changes["bias"] = "none";
  return withFields(config, { ...changes, init_lora_weights: true });
}
