import type { Json } from "../../core/index.ts";
import { PickleGlobal, PickleMap, PickleRecord, type PickleValue } from "../../pickle/index.ts";
import { counterJson, isCounter } from "../counter.ts";

/** A value of a pickle as JSON, and the keys of what JSON has no word for (tensors, bytes, unknown objects). */
export interface AsJson {
  readonly json: Json | undefined;
  readonly left: readonly string[];
}

/** A real config nests a few levels deep; the pickle machine itself allows far more. */
const depthLimit = 64;

/**
 * Sets and tuples become lists, an enum its value, a dtype its name, an object of a known class `{class, …its fields}`.
 * @param path where the value stands, for `left`
 */
export function jsonOf(value: PickleValue, path = "", depth = 0): AsJson {
  if (value === null || typeof value === "boolean" || typeof value === "string" || typeof value === "number")
    return { json: value, left: [] };
  if (depth > depthLimit) return { json: undefined, left: [path] };
  if (value instanceof PickleGlobal) return { json: `${value.module}.${value.name}`, left: [] };
  if (Array.isArray(value) || value instanceof Set) {
    const items = [...value].map((item, at) => jsonOf(item, `${path}[${at}]`, depth + 1));
    // A list with a hole in it would be another list.
    if (items.some(({ json }) => json === undefined)) return { json: undefined, left: [path] };
    return { json: items.map(({ json }) => json as Json), left: items.flatMap(({ left }) => left) };
  }
  if (value instanceof PickleMap && isCounter(value)) {
    const json = counterJson(value);
    return { json, left: json === undefined ? [path] : [] };
  }
  if (value instanceof PickleMap) return recordOf(value, path, depth);
  if (!(value instanceof PickleRecord)) return { json: undefined, left: [path] };
  const [only, ...more] = value.args;
  if (value.state === undefined && only !== undefined && more.length === 0)
    return jsonOf(only, path, depth + 1);
  const fields = recordOf(value.fields, path, depth);
  return { json: { class: value.global.replace(" ", "."), ...(fields.json as object) }, left: fields.left };
}

function recordOf(map: ReadonlyMap<PickleValue, PickleValue>, path: string, depth: number): AsJson {
  const record = Object.create(null) as Record<string, Json>;
  const left: string[] = [];
  for (const [key, item] of map) {
    // A number would come back as a text, and find nothing; `$` begins what documents spell.
    const name = typeof key === "string" && !key.startsWith("$") ? key : undefined;
    const place = [
      ...(path === "" ? [] : [path]),
      name ?? (typeof key === "object" ? "<key>" : String(key)),
    ].join(".");
    const found = name === undefined ? { json: undefined, left: [place] } : jsonOf(item, place, depth + 1);
    if (name !== undefined && found.json !== undefined) record[name] = found.json;
    left.push(...found.left);
  }
  return { json: record, left };
}
