// Param groups: new ones, their settings, and which one a parameter belongs to.
import { groupingRules } from "../adapters/index.ts";
import { type Json, type JsonRecord, withFields } from "../core/index.ts";
import type { EditChanges } from "./edit-input.ts";
import {
  badSetting,
  contradiction,
  groupAmbiguous,
  patternUnmatched,
  scheduleGroups,
} from "./edit-refusals.ts";
import { noteSchedules, scheduleLengths } from "./edit-schedule.ts";
import type { EditState } from "./edit-state.ts";
import { matchesGlob } from "./name-globs.ts";

/**
 * @throws UsageError TENON_EDIT_SETTING; PlanError TENON_EDIT_NO_OPTIMIZER, TENON_EDIT_SCHEDULE_GROUPS
 */
export function addGroups(state: EditState, added: readonly JsonRecord[]): void {
  for (const settings of added) {
    const groups = state.groupsFor("--new-group");
    for (const [document, count] of scheduleLengths(state))
      if (count > 0) throw scheduleGroups(document, state);
    const like = groups[0]?.settings ?? {};
    for (const [key, value] of Object.entries(settings))
      checkSetting(state, groups.length, like, { key, value });
    groups.push({ parameters: [], settings: withFields(like, settings) });
  }
}

/**
 * @throws UsageError TENON_EDIT_SETTING, TENON_EDIT_GROUP_UNKNOWN, TENON_EDIT_CONTRADICTION; PlanError
 *   TENON_EDIT_NO_OPTIMIZER
 */
export function setSettings(state: EditState, changes: NonNullable<EditChanges["settings"]>): void {
  const done = new Set<string>();
  for (const { paramGroup, key, value } of changes) {
    const group = state.group(paramGroup, "--set");
    const what = `${key} of param group ${paramGroup}`;
    if (done.has(what)) throw contradiction(what, "set twice", state);
    done.add(what);
    checkSetting(state, paramGroup, group.settings, { key, value });
    group.settings = withFields(group.settings, { [key]: value });
    if (key === "lr") noteSchedules(state);
  }
}

/** A setting keeps its kind: a number a number, betas as many numbers. */
function checkSetting(
  state: EditState,
  paramGroup: number,
  known: JsonRecord,
  { key, value }: { readonly key: string; readonly value: Json },
): void {
  const before = Object.hasOwn(known, key) ? known[key] : undefined;
  if (before === undefined) {
    const why = `is not one of its settings, which are ${Object.keys(known).join(", ")}`;
    throw badSetting(paramGroup, key, why, state);
  }
  if (kindOf(before) !== kindOf(value) && before !== null)
    throw badSetting(
      paramGroup,
      key,
      `is ${JSON.stringify(before)}, and ${JSON.stringify(value)} is of another kind`,
      state,
    );
  for (const number of Array.isArray(value) ? (value as readonly Json[]) : [value])
    if (typeof number === "number" && !isInBounds(key, number)) {
      const why = `cannot be ${number}: it must be ${boundsOf(key)}`;
      throw badSetting(paramGroup, key, why, state);
    }
}

/** Settings that torch's optimizers (2.13) refuse below 0 as they are made; loading a state asks no more. */
const notNegative = /^(?:lr|initial_lr|eps|weight_decay|momentum|lr_decay|alpha|rho)$/;

function isInBounds(key: string, number: number): boolean {
  if (key === "betas") return number >= 0 && number < 1;
  return Number.isFinite(number) && (number >= 0 || !notNegative.test(key));
}

function boundsOf(key: string): string {
  if (key === "betas") return "from 0 to below 1";
  return notNegative.test(key) ? "finite and not below 0" : "finite";
}

function kindOf(value: Json): string {
  if (!Array.isArray(value)) return value === null ? "null" : typeof value;
  return `list of ${(value as readonly Json[]).map(kindOf).join(", ")}`;
}

/** @throws UsageError TENON_EDIT_PATTERN_UNMATCHED, TENON_EDIT_GROUP_UNKNOWN; PlanError TENON_EDIT_NO_OPTIMIZER */
export function moveParameters(state: EditState, moves: NonNullable<EditChanges["moves"]>): void {
  for (const { pattern, paramGroup } of moves) {
    state.group(paramGroup, "--move");
    const names = state.trained().filter((name) => matchesGlob(pattern, name));
    if (names.length === 0)
      throw patternUnmatched("--move", pattern, "matches nothing that is trained", state);
    for (const name of names) {
      const from = state.groupOf(name);
      if (from === paramGroup) continue;
      for (const group of state.groups ?? [])
        group.parameters = group.parameters.filter((parameter) => parameter !== name);
      state.join(name, paramGroup);
      state.moved.push({ name, from, to: paramGroup });
    }
  }
}

/**
 * The group of a parameter that is new to the optimizer: the one that was asked for, the only one, or the one with the weight
 * decay that the rule calls for by which the others were sorted.
 * @throws PlanError TENON_EDIT_GROUP_AMBIGUOUS, TENON_EDIT_NO_OPTIMIZER; UsageError TENON_EDIT_GROUP_UNKNOWN
 */
export function groupFor(state: EditState, name: string, wanted: number | undefined): number {
  const groups = state.groupsFor(wanted === undefined ? "--unfreeze" : "--group");
  if (wanted !== undefined) {
    state.group(wanted, "--group");
    return wanted;
  }
  if (groups.length === 1) return 0;
  const kinds = groups.map(({ settings }) => {
    const decay = settings["weight_decay"];
    return typeof decay !== "number" ? undefined : decay > 0 ? 0 : 1;
  });
  // The first of two is that of transformers 5; older trainers have others, and members show which one it was.
  const rules = groupingRules.filter((rule) => rule.groups === 2);
  const fitting = rules.filter((rule) =>
    groups.every(({ parameters }, at) =>
      parameters.every((each) => rule.groupOf(seenBy(each)) === kinds[at]),
    ),
  );
  const verdicts = new Set(
    (fitting.length > 0 ? fitting : rules.slice(0, 1)).map((rule) => rule.groupOf(seenBy(name))),
  );
  const candidates = [...kinds.keys()].filter(
    (at) => kinds[at] !== undefined && verdicts.has(kinds[at] ?? -1),
  );
  const [only] = candidates;
  if (only === undefined || candidates.length > 1) throw groupAmbiguous(name, candidates, state);
  return only;
}

/** A canonical name as a rule looks at it. */
function seenBy(name: string): { readonly liveName: string; readonly axes: number } {
  return { liveName: name.slice(name.indexOf(":") + 1), axes: 2 };
}
