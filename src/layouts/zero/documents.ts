// What a save says about the run, as JSON documents of the trainer component.
import type { Json, JsonRecord, Observation, TrainerComponent } from "../../core/index.ts";
import type { PickleValue } from "../../pickle/index.ts";
import { jsonOf } from "./as-json.ts";
import type { ModelFile } from "./model-file.ts";
import type { OptimizerFile } from "./optimizer-file.ts";
import { counterKeys, modelKeys, scaleKeys, scalerKeys } from "./wire.ts";

const scheduleName = "scheduler.json";

export interface RunDocuments {
  readonly trainer: TrainerComponent;
  readonly observations: readonly Observation[];
}

/**
 * `deepspeed.json` (counters, versions, config, loss scaler), `scheduler.json` (the learning rate scheduler's state) and
 * `client_state.json` (what the training script added). What JSON cannot say is observed.
 */
export function runDocuments(
  { fields, path }: ModelFile,
  optimizer: Pick<OptimizerFile, "fields"> | undefined,
  tag: string,
): RunDocuments {
  const left: string[] = [];
  const take = (entries: Iterable<readonly [string, PickleValue]>): Record<string, Json> => {
    const record = Object.create(null) as Record<string, Json>;
    for (const [key, value] of entries) {
      const found = jsonOf(value, key);
      if (found.json !== undefined) record[key] = found.json;
      left.push(...found.left);
    }
    return record;
  };
  const own = (
    keys: readonly string[],
    from: ReadonlyMap<PickleValue, PickleValue> = new Map(),
  ): [string, PickleValue][] =>
    keys.flatMap((key) => (from.has(key) ? [[key, from.get(key) as PickleValue]] : []));
  // Without ZeRO DeepSpeed's wrapper of the optimizer keeps the scale as plain numbers.
  const wrapper = optimizer === undefined ? fields.dict("optimizer")?.map : undefined;
  const run = take([...own(counterKeys, fields.map), ...own(scalerKeys, optimizer?.fields.map ?? wrapper)]);
  const scale = take(own(scaleKeys, wrapper));
  if (Object.keys(scale).length > 0) run["loss_scale"] = scale;
  const documents = new Map<string, JsonRecord>([["deepspeed.json", { ...(tag !== "" && { tag }), ...run }]]);
  const scheduler = fields.dict("lr_scheduler");
  const schedule = scheduler && jsonOf(scheduler.map);
  if (schedule?.left.length === 0) documents.set(scheduleName, schedule.json as JsonRecord);
  const client = textKeys(fields.map).filter(([key]) => !modelKeys.has(key));
  if (client.length > 0) documents.set("client_state.json", take(client));
  const observations: Observation[] = [];
  if (left.length > 0)
    observations.push({ code: "TENON_ZERO_RUN_STATE_PASSED_OVER", names: left, facts: { file: path } });
  // Half a schedule is another one.
  if (schedule !== undefined && schedule.left.length > 0)
    observations.push({
      code: "TENON_TRAINING_DOCUMENT_LEFT",
      names: [scheduleName],
      facts: { file: path, left: schedule.left },
    });
  return { trainer: { documents }, observations };
}

function textKeys(map: ReadonlyMap<PickleValue, PickleValue>): [string, PickleValue][] {
  return [...map].filter((entry): entry is [string, PickleValue] => typeof entry[0] === "string");
}
