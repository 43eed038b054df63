// Pickles of a trainer that are documents in all but their format: schedules, loss scalers, states of random generators.
import type { Json, JsonRecord, Tensor } from "../core/index.ts";
import { NumpyArray, PickleMap, PickleTuple, type PickleValue } from "../pickle/index.ts";
import type { CheckpointFiles } from "./checkpoint-files.ts";
import { counterJson, isCounter } from "./counter.ts";
import { randomStateBytesLimit } from "./limits.ts";

/**
 * Reads the pickles at the top of a source whose names match, as JSON. What JSON has no word for is spelled as a record of
 * one key: `$tuple`, `$int` (beyond 2^53), `$bytes`, `$array` (numpy) and `$tensor`, the last three with base64, and `$counter` for
 * a Counter (`MultiStepLR`'s milestones), with pairs of key and count. A file that holds anything else is left out, and observed as TENON_TRAINING_DOCUMENT_LEFT.
 */
export async function readTrainingDocuments(
  files: CheckpointFiles,
  rootFiles: readonly string[],
  pattern: RegExp,
): Promise<ReadonlyMap<string, JsonRecord>> {
  const documents = new Map<string, JsonRecord>();
  for (const path of rootFiles.filter((each) => pattern.test(each))) {
    const { file } = await files.open(path);
    const budget = { left: randomStateBytesLimit };
    const json = await documentFrom(file.object as PickleValue, budget, files.options.signal);
    if (json !== undefined && typeof json === "object" && json !== null && !Array.isArray(json))
      documents.set(path, json as JsonRecord);
    else files.notices.note({ code: "TENON_TRAINING_DOCUMENT_LEFT", names: [path] });
  }
  return documents;
}

async function documentFrom(
  value: PickleValue,
  budget: { left: number },
  signal: AbortSignal | undefined,
): Promise<Json | undefined> {
  if (value === null || typeof value === "boolean" || typeof value === "string" || typeof value === "number")
    return value;
  if (typeof value === "bigint") return single("$int", value.toString());
  if (value instanceof Uint8Array) return single("$bytes", base64(value));
  if (Array.isArray(value)) {
    const items: Json[] = [];
    for (const item of value) {
      const json = await documentFrom(item, budget, signal);
      if (json === undefined) return undefined;
      items.push(json);
    }
    return value instanceof PickleTuple ? single("$tuple", items) : items;
  }
  if (value instanceof PickleMap)
    return isCounter(value) ? counterJson(value) : recordFrom(value, budget, signal);
  if (value instanceof NumpyArray) return arrayFrom(value);
  return isTensor(value) ? tensorFrom(value, budget, signal) : undefined;
}

async function recordFrom(
  map: PickleMap,
  budget: { left: number },
  signal: AbortSignal | undefined,
): Promise<JsonRecord | undefined> {
  if (map.className !== "dict" && map.className !== "collections OrderedDict") return undefined;
  const record = Object.create(null) as Record<string, Json>;
  for (const [key, item] of map) {
    if (typeof key !== "string" || key.startsWith("$")) return undefined;
    const json = await documentFrom(item, budget, signal);
    if (json === undefined) return undefined;
    record[key] = json;
  }
  return record;
}

function arrayFrom({ shape, dtype, isFortranOrder, objects, bytes }: NumpyArray): JsonRecord | undefined {
  if (dtype?.elementBytes === undefined || objects !== undefined || isFortranOrder) return undefined;
  const { byteOrder, descr } = dtype;
  return single("$array", { dtype: byteOrder + descr, shape, base64: base64(bytes) });
}

async function tensorFrom(
  tensor: Tensor,
  budget: { left: number },
  signal: AbortSignal | undefined,
): Promise<JsonRecord | undefined> {
  const { dtype, shape, byteLength } = tensor;
  budget.left -= byteLength;
  if (budget.left < 0) return undefined;
  const bytes = new Uint8Array(byteLength);
  await tensor.read(0, bytes, signal);
  return single("$tensor", { dtype, shape, base64: base64(bytes) });
}

function isTensor(value: unknown): value is Tensor {
  return typeof (value as Partial<Tensor>).read === "function" && "dtype" in (value as object);
}

function single(key: string, value: Json): JsonRecord {
  const record = Object.create(null) as Record<string, Json>;
  record[key] = value;
  return record;
}

function base64(bytes: Uint8Array): string {
  let text = "";
  for (let at = 0; at < bytes.length; at += 4096)
    text += String.fromCharCode(...bytes.subarray(at, at + 4096));
  return btoa(text);
}
