import { UsageError } from "../core/index.ts";
import { addAdapters, removeAdapters } from "./edit-adapters.ts";
import { differenceOf } from "./edit-difference.ts";
import { freeze, unfreeze } from "./edit-freeze.ts";
import { addGroups, moveParameters, setSettings } from "./edit-groups.ts";
import type { EditChanges, EditInput, EditPlan } from "./edit-input.ts";
import { orderNewcomers } from "./edit-order.ts";
import { changeRanks } from "./edit-ranks.ts";
import { EditState } from "./edit-state.ts";

/**
 * Plans changes of who is trained and how, by name: from what is carried and the changes to what is carried then, and the
 * difference. Nothing but the values of steps is known of any byte; what only bytes can tell is in `masters` and `ranks`.
 * @throws UsageError TENON_EDIT_NO_CHANGE, TENON_EDIT_PATTERN_UNMATCHED, TENON_EDIT_CONTRADICTION, TENON_EDIT_GROUP_UNKNOWN,
 *   TENON_EDIT_SETTING, TENON_EDIT_ADAPTER_NAME, TENON_ADAPTER_NOT_FOUND; PlanError TENON_EDIT_NO_OPTIMIZER,
 *   TENON_EDIT_GROUP_AMBIGUOUS, TENON_EDIT_STEP_DIFFERS, TENON_EDIT_TARGETS, TENON_EDIT_RANK_SCALING,
 *   TENON_EDIT_SCHEDULE_GROUPS; UnsupportedError TENON_EDIT_STATE_UNKNOWN, TENON_EDIT_NOT_TRAINABLE,
 *   TENON_EDIT_ADAPTER_KIND
 */
export function planEdit(input: EditInput, changes: EditChanges): EditPlan {
  const { freeze: frozen = [], unfreeze: unfrozen = [], moves = [], settings = [], seed = 0 } = changes;
  const { removeAdapters: removed = [], newGroups = [] } = changes;
  const asked = [
    frozen,
    unfrozen,
    moves,
    settings,
    removed,
    newGroups,
    changes.loraRanks,
    changes.addAdapters,
  ];
  if (asked.every((each) => (each?.length ?? 0) === 0)) throw noChange(input);
  const state = new EditState(input, seed);
  removeAdapters(state, removed);
  addGroups(state, newGroups);
  changeRanks(state, changes);
  addAdapters(state, changes);
  freeze(state, frozen);
  unfreeze(state, unfrozen, changes);
  moveParameters(state, moves);
  orderNewcomers(state);
  setSettings(state, settings);
  const optimizer = state.optimizer();
  return {
    carried: { ...input.carried, adapters: [...state.adapters.values()], ...(optimizer && { optimizer }) },
    made: state.made,
    difference: differenceOf(state),
    masters: state.masters,
    ranks: state.ranks,
  };
}

function noChange({ location }: EditInput): UsageError {
  return new UsageError("TENON_EDIT_NO_CHANGE", `edit: no change is asked for (${location})`, {
    details: { source: location },
    hint: "Say what changes: --freeze, --unfreeze, --add-adapter, --remove-adapter, --lora-rank, --set, --move, --new-group",
  });
}
