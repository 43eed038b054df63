// What an edit refuses, and what it says then.
import { PlanError, UnsupportedError, UsageError } from "../core/index.ts";

/** Where it happens, for messages. */
export interface EditPlace {
  readonly location: string;
}

const unmatchedHint = "Names are those of tenon inspect --json: canonical, with * for any run of characters.";

export function patternUnmatched(
  option: string,
  pattern: string,
  why: string,
  { location }: EditPlace,
): UsageError {
  const message = `edit: ${option} ${JSON.stringify(pattern)} ${why} (${location})`;
  return new UsageError("TENON_EDIT_PATTERN_UNMATCHED", message, {
    details: { option, pattern, source: location },
    hint: unmatchedHint,
  });
}

export function contradiction(name: string, what: string, { location }: EditPlace): UsageError {
  return new UsageError("TENON_EDIT_CONTRADICTION", `edit: "${name}" is ${what} (${location})`, {
    details: { name, source: location },
    hint: "Ask for one of the two.",
  });
}

export function noOptimizer(option: string, { location }: EditPlace): PlanError {
  const message = `edit: ${option} changes an optimizer, and the source has none, or it is dropped (${location})`;
  return new PlanError("TENON_EDIT_NO_OPTIMIZER", message, {
    details: { option, source: location },
    hint: "Give a checkpoint that training can be resumed from.",
  });
}

export function groupUnknown(paramGroup: number, count: number, { location }: EditPlace): UsageError {
  const allowed = count === 1 ? "0" : `0 to ${count - 1}`;
  const message = `edit: there is no param group ${paramGroup}; there are ${allowed} (${location})`;
  return new UsageError("TENON_EDIT_GROUP_UNKNOWN", message, {
    details: { paramGroup, count, source: location },
    hint: "tenon edit SRC --dry-run with another change lists the groups.",
  });
}

export function groupAmbiguous(
  name: string,
  candidates: readonly number[],
  { location }: EditPlace,
): PlanError {
  const found =
    candidates.length === 0
      ? "no param group has the weight decay that its name calls for"
      : `param groups ${candidates.join(", ")} fit`;
  const message = `edit: which group "${name}" belongs to is not known: ${found} (${location})`;
  return new PlanError("TENON_EDIT_GROUP_AMBIGUOUS", message, {
    details: { name, candidates, source: location },
    hint: "Say which: --group N",
  });
}

export function badSetting(
  paramGroup: number,
  key: string,
  why: string,
  { location }: EditPlace,
): UsageError {
  const message = `edit: setting ${JSON.stringify(key)} of param group ${paramGroup}: ${why} (${location})`;
  return new UsageError("TENON_EDIT_SETTING", message, {
    details: { paramGroup, key, source: location },
  });
}

export function stateUnknown(
  parameter: string,
  state: string,
  what: string,
  { location }: EditPlace,
): UnsupportedError {
  const message = `edit: state "${state}" of "${parameter}" ${what} (${location})`;
  return new UnsupportedError("TENON_EDIT_STATE_UNKNOWN", message, {
    details: { parameter, state, source: location },
    hint: "Edit it without its optimizer: --drop optimizer",
  });
}

export function stepsDiffer(
  paramGroup: number,
  steps: readonly number[],
  { location }: EditPlace,
): PlanError {
  const message = `edit: the parameters of param group ${paramGroup} are at steps ${steps.join(", ")}, so a new one has no step to start from (${location})`;
  return new PlanError("TENON_EDIT_STEP_DIFFERS", message, {
    details: { paramGroup, steps, source: location },
    hint: "Put it into a group whose parameters are at one step: --group N",
  });
}

export function notTrainable(name: string, dtype: string, { location }: EditPlace): UnsupportedError {
  const message = `edit: "${name}" is ${dtype}; what is trained must be BF16, F16 or F32 (${location})`;
  return new UnsupportedError("TENON_EDIT_NOT_TRAINABLE", message, {
    details: { name, dtype, source: location },
  });
}

export function adapterAbsent(name: string, names: readonly string[], { location }: EditPlace): UsageError {
  const there = names.length === 0 ? "there is none" : `there are ${names.join(", ")}`;
  const message = `edit: there is no adapter ${JSON.stringify(name)}; ${there} (${location})`;
  return new UsageError("TENON_ADAPTER_NOT_FOUND", message, {
    details: { adapter: name, allowed: names, source: location },
  });
}

export function badAdapterName(name: string, why: string, { location }: EditPlace): UsageError {
  const message = `edit: no adapter can be called ${JSON.stringify(name)}: ${why} (${location})`;
  return new UsageError("TENON_EDIT_ADAPTER_NAME", message, { details: { name, source: location } });
}

export function adapterKind(
  name: string,
  what: string,
  { location }: EditPlace,
  hint = "Make that change with PEFT.",
): UnsupportedError {
  const message = `edit: adapter ${JSON.stringify(name)} ${what} (${location})`;
  return new UnsupportedError("TENON_EDIT_ADAPTER_KIND", message, {
    details: { adapter: name, source: location },
    hint,
  });
}

export function targetsUnclear(name: string, why: string, { location }: EditPlace): PlanError {
  const message = `edit: where adapter ${JSON.stringify(name)} goes is not known: ${why} (${location})`;
  return new PlanError("TENON_EDIT_TARGETS", message, {
    details: { adapter: name, source: location },
    hint: "Name the modules in target_modules, give the base, or copy an adapter that is there.",
  });
}

export function scalingLost(name: string, why: string, { location }: EditPlace): PlanError {
  const message = `edit: the scaling of adapter ${JSON.stringify(name)} cannot be kept: ${why} (${location})`;
  return new PlanError("TENON_EDIT_RANK_SCALING", message, {
    details: { adapter: name, source: location },
    hint: "Give its config: --adapter-config FILE, or --alpha N; or choose another rank.",
  });
}

export function scheduleGroups(document: string, { location }: EditPlace): PlanError {
  const message = `edit: the schedule has a learning rate for each param group there was, and none for a new one (${document}) (${location})`;
  return new PlanError("TENON_EDIT_SCHEDULE_GROUPS", message, {
    details: { document, source: location },
    hint: `Start a schedule anew: --drop ${document}`,
  });
}
