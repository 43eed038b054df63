// Python's Counter, as which MultiStepLR keeps its milestones: a dict whose keys are numbers, which JSON would make texts of.
import { isJsonRecord, type Json, type JsonRecord } from "../core/index.ts";
import { PickleMap } from "../pickle/index.ts";

const className = "collections Counter";
const word = "$counter";

export function isCounter(map: PickleMap): boolean {
  return map.className === className;
}

/** `{"$counter": [[key, count], …]}`; undefined for keys that are neither text nor number, or counts that are no number. */
export function counterJson(map: PickleMap): JsonRecord | undefined {
  const pairs: Json[] = [];
  for (const [key, count] of map) {
    if ((typeof key !== "string" && typeof key !== "number") || typeof count !== "number") return undefined;
    pairs.push([key, count]);
  }
  const record = Object.create(null) as Record<string, Json>;
  record[word] = pairs;
  return record;
}

/** The inverse of {@link counterJson}; undefined for what it does not make. */
export function counterOf(value: Json): PickleMap | undefined {
  const pairs = isJsonRecord(value) && Object.keys(value).length === 1 ? value[word] : undefined;
  if (!Array.isArray(pairs)) return undefined;
  const map = new PickleMap(className);
  for (const pair of pairs as readonly Json[]) {
    const [key, count, ...more] = Array.isArray(pair) ? (pair as readonly Json[]) : [];
    const isKey = typeof key === "string" || typeof key === "number";
    if (!isKey || typeof count !== "number" || more.length > 0 || map.has(key)) return undefined;
    map.set(key, count);
  }
  return map;
}
