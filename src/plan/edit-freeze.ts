import { isBufferName } from "../adapters/index.ts";
import { masterState } from "./carry-masters.ts";
import { groupFor } from "./edit-groups.ts";
import type { EditChanges } from "./edit-input.ts";
import { noteFresh, train } from "./edit-moments.ts";
import { contradiction, patternUnmatched } from "./edit-refusals.ts";
import type { EditState } from "./edit-state.ts";
import { matchesGlob } from "./name-globs.ts";

/**
 * Parameters that are trained no longer: their state and their place in a group go, their stored weight stays.
 * @throws UsageError TENON_EDIT_PATTERN_UNMATCHED; PlanError TENON_EDIT_NO_OPTIMIZER
 */
export function freeze(state: EditState, patterns: readonly string[]): void {
  const unseen: string[] = [];
  const lost: string[] = [];
  const weightsLost = new Set(state.input.carried.optimizer?.weightsLost);
  for (const pattern of patterns) {
    state.groupsFor("--freeze");
    const owners = ownersOf(state, pattern);
    const names = state.trained().filter((name) => matchesGlob(pattern, name) || owners.has(name));
    if (names.length === 0 && !state.frozen.some((name) => matchesGlob(pattern, name)))
      throw patternUnmatched("--freeze", pattern, "matches nothing that is trained", state);
    const parameters = state.parameters();
    for (const name of names) {
      const master = state.untrain(name)?.get(masterState);
      const weight = parameters.get(name);
      if (weightsLost.has(name)) lost.push(name);
      else if (master !== undefined && weight === undefined) unseen.push(name);
      if (master !== undefined && weight !== undefined && master.source.id !== weight.source.id)
        state.masters.push({ name, model: weight.source, master: master.source });
      state.frozen.push(name);
    }
  }
  if (unseen.length > 0)
    state.notes.push(
      `The fp32 masters of frozen parameters go, and the weights that stay are not here to be compared with them (--base DIR gives them): ${unseen.join(", ")}`,
    );
  if (lost.length > 0)
    state.notes.push(
      `The trained weights of frozen parameters were not saved: what stands for them from now on is the base that the run began with, and the model is not the one that was trained: ${lost.slice(0, 6).join(", ")}${lost.length > 6 ? ` and ${lost.length - 6} more` : ""}`,
    );
  const empty = [...(state.groups ?? []).entries()].filter(([, { parameters }]) => parameters.length === 0);
  if (patterns.length > 0 && empty.length > 0) {
    const which = empty.map(([at]) => at).join(", ");
    state.notes.push(
      `Param group ${which} has no parameters any more; it stays, so that the others keep their numbers.`,
    );
  }
}

/**
 * Parameters that are trained from now on, with fresh state.
 * @throws UsageError TENON_EDIT_PATTERN_UNMATCHED, TENON_EDIT_CONTRADICTION; as `groupFor` and `train`
 */
export function unfreeze(
  state: EditState,
  patterns: readonly string[],
  { paramGroup }: Pick<EditChanges, "paramGroup">,
): void {
  const groups = new Set<number>();
  for (const pattern of patterns) {
    state.groupsFor("--unfreeze");
    const parameters = state.parameters();
    const trained = new Set(state.trained());
    const found = [...parameters.keys()].filter((name) => matchesGlob(pattern, name) && !isBufferName(name));
    const matched = new Set([...found, ...ownersOf(state, pattern)]);
    const again = [...matched].find((name) => state.frozen.includes(name));
    if (again !== undefined) throw contradiction(again, "to be frozen and unfrozen", state);
    const names = [...matched].filter((name) => !trained.has(name));
    const isDone = state.unfrozen.some(({ name }) => matched.has(name));
    if (names.length === 0 && !isDone) {
      const why = matched.size === 0 ? "matches no parameter" : "matches only what is trained already";
      throw patternUnmatched("--unfreeze", pattern, why, state);
    }
    // Every new one is placed by those that were there before.
    const placed = names.map((name) => [name, groupFor(state, name, paramGroup)] as const);
    for (const [name, at] of placed) {
      const recipe = parameters.get(name);
      if (recipe === undefined) continue;
      train(state, { name, recipe }, at);
      state.unfrozen.push({ name, paramGroup: at });
      groups.add(at);
    }
  }
  for (const at of groups) noteFresh(state, at, `Unfrozen parameters of param group ${at}`);
}

/** Tied parameters that are stored under another name than one that matches. */
function ownersOf({ input }: EditState, pattern: string): Set<string> {
  const ties = [...input.knownTies, ...(input.carried.base?.ties ?? [])];
  return new Set(ties.filter(([alias]) => matchesGlob(pattern, alias)).map(([, owner]) => owner));
}
