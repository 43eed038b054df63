import { isJsonRecord, type Json, type JsonRecord, type TrainerComponent } from "../../../core/index.ts";

/** In the order of preference: DeepSpeed's own, then the Trainer's and accelerate's. */
const places = ["scheduler.json", "scheduler.pt", "scheduler.bin"];

/** The state of the learning rate's schedule, as plain data; undefined where the source has none. */
export function scheduleOf(trainer: TrainerComponent | undefined): JsonRecord | undefined {
  const found = places.map((name) => trainer?.documents.get(name)).find((state) => state !== undefined);
  return found === undefined ? undefined : (plain(found) as JsonRecord);
}

/** What torch's schedules (2.13) keep for each param group, in their order. */
const perGroup: ReadonlySet<string> = new Set([
  "base_lrs", "_last_lr", "lr_lambdas", "min_lrs", "max_lrs", "base_momentums", "max_momentums",
]); // biome-ignore format: a list

/**
 * The schedule of a run that has some of the param groups: DeepSpeed takes groups without parameters out before a schedule
 * is made, and torch would stop over the others' rates, or take one for another's.
 * @param kept indices of those groups
 * @param count how many there were
 */
export function scheduleOfGroups(schedule: JsonRecord, kept: readonly number[], count: number): JsonRecord {
  return kept.length === count ? schedule : (cut(schedule, kept, count) as JsonRecord);
}

function cut(value: Json, kept: readonly number[], count: number): Json {
  if (Array.isArray(value)) return (value as readonly Json[]).map((item) => cut(item, kept, count));
  if (!isJsonRecord(value)) return value;
  const record = Object.create(null) as Record<string, Json>;
  for (const [key, item] of Object.entries(value) as [string, Json][]) {
    const isCut = perGroup.has(key) && Array.isArray(item) && item.length === count;
    record[key] = isCut ? kept.map((at) => (item as readonly Json[])[at] ?? null) : cut(item, kept, count);
  }
  return record;
}

/** Documents spell a tuple as `{"$tuple": […]}`; a schedule reads lists and tuples alike. */
function plain(value: Json): Json {
  if (Array.isArray(value)) return (value as readonly Json[]).map(plain);
  if (!isJsonRecord(value)) return value;
  const tuple = value["$tuple"];
  if (tuple !== undefined) return plain(tuple);
  const record = Object.create(null) as Record<string, Json>;
  for (const [key, item] of Object.entries(value)) record[key] = plain(item as Json);
  return record;
}
