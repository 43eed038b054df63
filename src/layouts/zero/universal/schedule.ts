import { isJsonRecord, type Json, type JsonRecord, type TrainerComponent } from "../../../core/index.ts";

/** In the order of preference: DeepSpeed's own, then the Trainer's and accelerate's. */
const places = ["scheduler.json", "scheduler.pt", "scheduler.bin"];

/** The state of the learning rate's schedule, as plain data; undefined where the source has none. */
export function scheduleOf(trainer: TrainerComponent | undefined): JsonRecord | undefined {
  const found = places.map((name) => trainer?.documents.get(name)).find((state) => state !== undefined);
  return found === undefined ? undefined : (plain(found) as JsonRecord);
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
