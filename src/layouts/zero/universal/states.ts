// States of every parameter that the model files list, checked for what is missing and what is too much.
import type { Shape, Tensor } from "../../../core/index.ts";
import type { CheckpointFiles } from "../../checkpoint-files.ts";
import { openingAtOnce } from "../../limits.ts";
import type { UniversalPlace } from "./place.ts";
import { refusal } from "./refusals.ts";
import { openState, readStep, stepTensor } from "./state-file.ts";
import { masterName, momentNames, parametersFolder, stepName } from "./wire.ts";

export interface ParameterState {
  readonly tensors: ReadonlyMap<string, Tensor>;
  readonly step: number | undefined;
}

type Groups = readonly ReadonlyMap<string, Shape>[];

/**
 * Opens the headers of all state files, a few at a time, and reads the steps.
 * @param groups the model files' `param_shapes`
 * @throws FormatError TENON_UNIVERSAL_PARAMETERS, TENON_UNIVERSAL_STATE_UNKNOWN, TENON_UNIVERSAL_STATE_ABSENT,
 *   TENON_UNIVERSAL_STEPS_DIFFER, and what {@link openState} throws
 */
export async function parameterStates(
  files: CheckpointFiles,
  { parameters, directory }: UniversalPlace,
  groups: Groups,
): Promise<ReadonlyMap<string, ParameterState>> {
  const shapes = new Map(groups.flatMap((group) => [...group]));
  refuseOthers(parameters, shapes, directory + parametersFolder);
  const found = new Map<string, ParameterState>();
  const wanted = [...shapes];
  for (let at = 0; at < wanted.length; at += openingAtOnce) {
    const batch = wanted.slice(at, at + openingAtOnce).map(async ([name, shape]) => {
      const state = await stateOf(files, name, shape, parameters.get(name) ?? new Map());
      return [name, state] as const;
    });
    // All of them settle before one failure is passed on, so that no file stays open.
    for (const result of await Promise.allSettled(batch)) {
      if (result.status === "rejected") throw result.reason;
      found.set(...result.value);
    }
  }
  for (const group of groups) refuseSteps(group, found, directory + parametersFolder);
  return found;
}

async function stateOf(
  files: CheckpointFiles,
  name: string,
  shape: Shape,
  paths: ReadonlyMap<string, string>,
): Promise<ParameterState> {
  const tensors = new Map<string, Tensor>();
  // The master first: it is the parameter itself.
  for (const state of [masterName, ...momentNames]) {
    const path = paths.get(state);
    if (path === undefined) continue;
    const tensor = await openState(files, path, name, shape);
    tensors.set(state, tensor);
  }
  const path = paths.get(stepName);
  if (path === undefined) return { tensors, step: undefined };
  const step = await readStep(files, path);
  return { tensors: tensors.set(stepName, stepTensor(name, step, path)), step };
}

function refuseOthers(
  parameters: UniversalPlace["parameters"],
  shapes: ReadonlyMap<string, Shape>,
  place: string,
): void {
  const missing = [...shapes.keys()].filter((name) => !parameters.has(name));
  const unlisted = [...parameters.keys()].filter((name) => !shapes.has(name));
  const odd = missing.length > 0 ? missing : unlisted;
  const [first] = odd;
  if (first !== undefined) {
    const rest = odd.length > 1 ? ` (and ${odd.length - 1} more)` : "";
    const why =
      missing.length > 0
        ? "is listed by the model file and has no folder"
        : "has a folder and is not listed by the model file";
    throw refusal("TENON_UNIVERSAL_PARAMETERS", `${JSON.stringify(first)}${rest} ${why}`, place, {
      missing: missing.slice(0, 10),
      unlisted: unlisted.slice(0, 10),
    });
  }
  for (const [name, states] of parameters) refuseStates(name, states, place);
}

function refuseStates(name: string, states: ReadonlyMap<string, string>, place: string): void {
  const known = [masterName, ...momentNames, stepName];
  const unknown = [...states.keys()].find((state) => !known.includes(state));
  if (unknown !== undefined)
    throw refusal(
      "TENON_UNIVERSAL_STATE_UNKNOWN",
      `${JSON.stringify(name)} has the state ${JSON.stringify(unknown)}; known are ${known.join(", ")}`,
      states.get(unknown) ?? place,
      { tensor: name, state: unknown, known },
    );
  const isAdam = ["exp_avg", "exp_avg_sq", "max_exp_avg_sq"].some((state) => states.has(state));
  const needed = isAdam ? [masterName, "exp_avg", "exp_avg_sq"] : [masterName];
  const absent = needed.find((state) => !states.has(state));
  if (absent === undefined) return;
  const what = `${JSON.stringify(name)} has ${[...states.keys()].join(", ")} and no ${absent}`;
  const hint = "Copy the folder again whole, or run ds_to_universal again.";
  throw refusal(
    "TENON_UNIVERSAL_STATE_ABSENT",
    what,
    `${place}${name}`,
    { tensor: name, state: absent },
    hint,
  );
}

/** DeepSpeed's loader wants one step a group. */
function refuseSteps(
  group: ReadonlyMap<string, Shape>,
  found: ReadonlyMap<string, ParameterState>,
  place: string,
): void {
  const steps = new Map<number | undefined, string>();
  for (const name of group.keys()) {
    const step = found.get(name)?.step;
    if (!steps.has(step)) steps.set(step, name);
  }
  if (steps.size < 2) return;
  const listed = [...steps]
    .slice(0, 3)
    .map(([step, name]) => `${step ?? "none"} for ${JSON.stringify(name)}`);
  const details = { names: [...steps.values()].slice(0, 10) };
  throw refusal(
    "TENON_UNIVERSAL_STEPS_DIFFER",
    `one param group has several steps: ${listed.join(", ")}`,
    place,
    details,
  );
}
