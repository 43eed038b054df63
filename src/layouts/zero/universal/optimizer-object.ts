// `zero/optimizer_state.pt`: param groups by position, as both families of loaders look for them.
import { type Draft, isJsonRecord, type Json, type Recipe } from "../../../core/index.ts";
import { TensorPlace } from "../../../formats/index.ts";
import {
  PickleFloat,
  PickleGlobal,
  PickleMap,
  PickleObject,
  PickleTuple,
  type PickleValue,
} from "../../../pickle/index.ts";
import { pickleOfJson, settingValue } from "../../group-settings.ts";
import { formatVersion, runFacts, scalersOf } from "./model-object.ts";
import type { TrainedGroup } from "./trained.ts";
import { stepName } from "./wire.ts";

export interface OptimizerObject {
  readonly object: PickleMap;
  readonly entries: readonly { readonly name: string; readonly recipe: Recipe }[];
}

/**
 * Stages 1 and 2 take `param_groups`, stage 3 the step and the first group of `optimizer_state_dict`.
 * The stage is said to be 2: weights that are here at all are whole.
 */
export function optimizerObject(
  { trainer }: Pick<Draft, "trainer">,
  groups: readonly TrainedGroup[],
): OptimizerObject {
  const { deepspeed } = runFacts({ ...(trainer && { trainer }) });
  const version = deepspeed["ds_version"];
  const settings = groups.map(groupOf);
  const object = new PickleMap();
  object.set("zero_stage", 2);
  // What the source does not say (the limit of gradients, a loss scale) the engine keeps as it was configured.
  for (const [key, value] of scalersOf(deepspeed)) {
    const scaler = key === "loss_scaler" ? scalerOf(value) : scalarOf(key, value);
    if (scaler !== undefined) object.set(key, scaler);
  }
  object.set("ds_version", typeof version === "string" && version !== "" ? version : formatVersion);
  object.set("param_groups", settings);
  const recipe = groups[0]?.parameters[0]?.step;
  const counted = groups[0]?.settings[stepName];
  const state = new PickleMap();
  if (recipe !== undefined) state.set(stepName, new TensorPlace(stepName));
  else if (typeof counted === "number") state.set(stepName, counted);
  const inner = new PickleMap();
  inner.set("state", new PickleMap().set(0, state));
  inner.set("param_groups", settings);
  object.set("optimizer_state_dict", inner);
  return { object, entries: recipe === undefined ? [] : [{ name: stepName, recipe }] };
}

/** `params` counts the groups: each is one flat buffer. */
function groupOf({ settings }: TrainedGroup, at: number): PickleMap {
  const group = new PickleMap();
  for (const [key, value] of Object.entries(settings)) group.set(key, settingValue(key, value as Json));
  return group.set("params", [at]);
}

function scalarOf(key: string, value: Json): PickleValue {
  return key === "clip_grad" && typeof value === "number" ? new PickleFloat(value) : pickleOfJson(value);
}

const scalerClasses = /^(deepspeed\.runtime\.fp16\.loss_scaler)\.((?:Dynamic)?LossScaler)$/;
/** Numbers of a loss scaler that are floats. */
const scalerFloats = ["cur_scale", "scale_factor", "min_scale"];

/** Nothing for a class that is not known: the engine then keeps the scaler that it was configured with. */
function scalerOf(value: Json): PickleValue | undefined {
  const { class: name, ...fields } = isJsonRecord(value) ? value : {};
  const [, module = "", own = ""] = typeof name === "string" ? (scalerClasses.exec(name) ?? []) : [];
  if (own === "") return undefined;
  const state = new PickleMap();
  for (const [key, item] of Object.entries(fields)) {
    const dtype = typeof item === "string" ? /^torch\.(\w+)$/.exec(item)?.[1] : undefined;
    if (dtype !== undefined) state.set(key, new PickleGlobal("torch", dtype));
    else if (typeof item === "number" && scalerFloats.includes(key)) state.set(key, new PickleFloat(item));
    else state.set(key, pickleOfJson(item as Json));
  }
  return new PickleObject(`${module} ${own}`, new PickleTuple(), state);
}
