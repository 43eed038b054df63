import {
  isJsonRecord,
  type Json,
  type JsonRecord,
  PlanError,
  type TrainerComponent,
} from "../../../core/index.ts";
import { counterOf } from "../../counter.ts";

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

/**
 * Documents spell a tuple as `{"$tuple": […]}`; a schedule reads lists and tuples alike. A Counter stays one.
 * @throws PlanError TENON_DOCUMENT_UNWRITABLE for anything else that is spelled: a tensor, bytes, a wide integer
 */
function plain(value: Json): Json {
  if (Array.isArray(value)) return (value as readonly Json[]).map(plain);
  if (!isJsonRecord(value) || counterOf(value) !== undefined) return value;
  const [only, ...more] = Object.keys(value);
  if (only === "$tuple" && more.length === 0) return plain(value[only] as Json);
  if (only?.startsWith("$") === true) throw unwritable(only);
  const record = Object.create(null) as Record<string, Json>;
  for (const [key, item] of Object.entries(value)) record[key] = plain(item as Json);
  return record;
}

function unwritable(found: string): PlanError {
  const message = `universal: the schedule holds a value spelled ${JSON.stringify(found)}, which is not written`;
  return new PlanError("TENON_DOCUMENT_UNWRITABLE", message, {
    details: { found, allowed: ["$tuple", "$counter"] },
    hint: "Leave the trainer's state out: --drop trainer",
  });
}
