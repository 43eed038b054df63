import type { Json, JsonRecord } from "../core/index.ts";
import type { EditDifference, ParamGroupDifference } from "./edit-input.ts";
import type { EditState } from "./edit-state.ts";
import { howMade } from "./made-tensor.ts";

/** What changed between what was carried and the state after all changes. */
export function differenceOf(state: EditState): EditDifference {
  const { optimizer } = state.input.carried;
  const before = new Set([
    ...(optimizer?.groups.flatMap(({ parameters }) => parameters) ?? []),
    ...(optimizer?.states.keys() ?? []),
  ]);
  return {
    stepsBefore: state.stepsOf(optimizer?.states.values() ?? []),
    stepsAfter: state.stepsOf(state.states.values()),
    trainedBefore: before.size,
    trainedAfter: state.trained().length,
    paramGroups: (state.groups ?? []).map((group, at): ParamGroupDifference => {
      const old = optimizer?.groups[at];
      return {
        paramGroup: at,
        parametersBefore: old?.parameters.length ?? null,
        parametersAfter: group.parameters.length,
        settings: group.settings,
        changed: old === undefined ? [] : changedSettings(old.settings, group.settings),
      };
    }),
    frozen: state.frozen,
    rounded: [],
    unfrozen: state.unfrozen,
    moved: state.moved,
    adaptersAdded: state.adaptersAdded,
    adaptersRemoved: state.adaptersRemoved,
    loraRanks: state.loraRanks,
    made: keptMade(state).map((tensor) => ({
      name: tensor.name,
      dtype: tensor.dtype,
      shape: tensor.shape,
      how: howMade(tensor),
    })),
    dropped: state.dropped,
    notes: [...new Set(state.notes)],
  };
}

/** Of the tensors that were made those that are still there: what was added may have been frozen again. */
function keptMade(state: EditState): EditState["made"] {
  const used = new Set<string>();
  for (const adapter of state.adapters.values())
    for (const { recipe } of adapter.parameters) used.add(recipe.source.id);
  for (const own of state.states.values()) for (const { source } of own.values()) used.add(source.id);
  const kept = state.made.filter(({ id }) => used.has(id));
  // Weights first, then their state.
  return [false, true].flatMap((isState) => kept.filter(({ name }) => name.includes("/") === isState));
}

function changedSettings(before: JsonRecord, after: JsonRecord): ParamGroupDifference["changed"] {
  return Object.keys(after).flatMap((key) => {
    const [old, now] = [before[key] ?? null, after[key] ?? null] as readonly [Json, Json];
    return JSON.stringify(old) === JSON.stringify(now) ? [] : [{ key, before: old, after: now }];
  });
}
