// The model file: where the run stands. The engine takes no weights from it.
import type { Draft, Json, JsonRecord } from "../../../core/index.ts";
import { TensorPlace } from "../../../formats/index.ts";
import { PickleMap, PickleRecord, PickleTuple, type PickleValue } from "../../../pickle/index.ts";
import { pickleOfJson } from "../../group-settings.ts";
import type { LiveModel } from "../../live-model.ts";
import { counterKeys, scalerKeys } from "../wire.ts";
import { markerText } from "./marker.ts";
import { scheduleOf, scheduleOfGroups } from "./schedule.ts";
import type { TrainedGroup } from "./trained.ts";
import { markerKey } from "./wire.ts";

/** Documents that become keys of the files, where DeepSpeed has them. */
const native = ["deepspeed.json", "scheduler.json", "client_state.json"];

/** What a reader of the folder asks first, and where it is known from. */
export interface RunFacts {
  readonly globalSteps: number;
  readonly areStepsKnown: boolean;
  /** Name of the folder. */
  readonly tag: string;
  readonly deepspeed: JsonRecord;
}

export function runFacts({ trainer }: Pick<Draft, "trainer">): RunFacts {
  const deepspeed = trainer?.documents.get("deepspeed.json") ?? {};
  const known = [
    deepspeed["global_steps"],
    trainer?.documents.get("trainer_state.json")?.["global_step"],
    scheduleOf(trainer)?.["last_epoch"],
  ].find((value) => typeof value === "number" && Number.isSafeInteger(value) && value >= 0);
  const globalSteps = typeof known === "number" ? known : 0;
  const tag = typeof deepspeed["tag"] === "string" ? deepspeed["tag"] : `global_step${globalSteps}`;
  return {
    globalSteps,
    areStepsKnown: known !== undefined,
    tag: tag.endsWith("_universal") ? tag : `${tag}_universal`,
    deepspeed,
  };
}

/**
 * Both model files have it; `modulePlaces` are the live names of the weights that lie in it, because no whole base is beside.
 * What it says of shapes is for readers: the engine asks its own model.
 */
export function modelObject(
  { base, adapters, trainer, optimizer }: Draft,
  { aliases }: LiveModel,
  groups: readonly TrainedGroup[],
  modulePlaces: readonly string[],
): PickleMap {
  const { globalSteps, deepspeed } = runFacts({ ...(trainer && { trainer }) });
  const documents = [...(trainer?.documents ?? [])].filter(([name]) => !native.includes(name));
  const model = new PickleMap();
  for (const [key, value] of Object.entries(trainer?.documents.get("client_state.json") ?? {}))
    model.set(key, pickleOfJson(value as Json));
  const module = new PickleMap("collections OrderedDict");
  for (const name of modulePlaces) module.set(name, new TensorPlace(name));
  model.set("module", module);
  model.set("buffer_names", []);
  model.set("optimizer", null);
  model.set("param_shapes", groups.map(shapesOf));
  model.set("frozen_param_shapes", null);
  model.set("shared_params", mapOf([...aliases]));
  model.set("frozen_param_fragments", null);
  const schedule = scheduleOf(trainer);
  const kept = groups.map(({ at }) => at);
  const ofGroups = schedule && scheduleOfGroups(schedule, kept, optimizer?.groups.length ?? kept.length);
  model.set("lr_scheduler", ofGroups === undefined ? null : pickleOfJson(ofGroups));
  for (const [key, value] of Object.entries(countersOf(deepspeed, globalSteps)))
    model.set(key, key === "sparse_tensor_module_names" ? setOf(value) : pickleOfJson(value));
  const parameters = groups.flatMap((group) => group.parameters);
  const marker = markerText({
    version: 1,
    globalSteps,
    base: base === undefined ? "none" : base.isComplete ? "whole" : "part",
    adapters: adapters.map(({ name }) => name),
    parameters: new Map(parameters.map(({ live, canonical }) => [live, canonical])),
    ties: base?.ties ?? new Map(),
    documents: new Map(documents),
  });
  return model.set(markerKey, marker);
}

function countersOf(deepspeed: JsonRecord, globalSteps: number): Record<string, Json> {
  const counters: Record<string, Json> = { skipped_steps: 0, global_steps: globalSteps };
  Object.assign(counters, { dp_world_size: 1, mp_world_size: 1, ds_version: formatVersion });
  for (const key of counterKeys) {
    const value = deepspeed[key];
    if (value !== undefined) counters[key] = value;
  }
  return counters;
}

/** The version whose files these are like, where the source names none. */
export const formatVersion = "0.19.6";

/** Keys of `deepspeed.json` that the optimizer's file has. */
export function scalersOf(deepspeed: JsonRecord): readonly (readonly [string, Json])[] {
  return scalerKeys.flatMap((key) => {
    const value = deepspeed[key];
    return value === undefined || key === "zero_stage" ? [] : [[key, value] as const];
  });
}

function shapesOf({ parameters }: TrainedGroup): PickleMap {
  const shapes = new PickleMap("collections OrderedDict");
  for (const { live, shape } of parameters)
    shapes.set(live, new PickleRecord("torch Size", [PickleTuple.ofValues(shape)]));
  return shapes;
}

function mapOf(entries: readonly (readonly [string, PickleValue])[]): PickleMap {
  const map = new PickleMap();
  for (const [key, value] of entries) map.set(key, value);
  return map;
}

function setOf(value: Json): Set<PickleValue> {
  return new Set(Array.isArray(value) ? value.filter((name) => typeof name === "string") : []);
}
