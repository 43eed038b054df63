// Writes JSON as Python's json.dumps does, so that a config that went through tenon is the file that PEFT or
// transformers would have written. Numbers keep the spelling they were read with: 10000.0 does not become 10000.
import type { Json, JsonRecord } from "./json-value.ts";

export interface JsonTextOptions {
  /** Spaces a level. Default: everything on one line, with a blank after `,` and `:`. */
  readonly indent?: number;
  /** Sorts keys by code point, as Python does. Default: the order of the record. */
  readonly sortKeys?: boolean;
}

/** Container → key or index → the number there, for those that JavaScript would spell in another way. */
const spellings = new WeakMap<object, Map<string | number, string>>();

/** Remembers how a number was spelled in the file that it was read from. */
export function keepSpelling(
  container: JsonRecord | readonly Json[],
  key: string | number,
  value: number,
  text: string,
): void {
  if (String(value) === text) return;
  const known = spellings.get(container);
  if (known === undefined) spellings.set(container, new Map([[key, text]]));
  else known.set(key, text);
}

/** A copy of a record with some fields replaced or added; every other number keeps its spelling. */
export function withFields(record: JsonRecord, changes: JsonRecord): JsonRecord {
  const copy = Object.assign(Object.create(null) as Record<string, Json>, record, changes);
  const kept = [...(spellings.get(record) ?? [])].filter(([key]) => !Object.hasOwn(changes, key));
  const given = [...(spellings.get(changes) ?? [])];
  if (kept.length + given.length > 0) spellings.set(copy, new Map([...kept, ...given]));
  return copy;
}

/**
 * Spells a value as Python's `json.dumps(value, indent=…, sort_keys=…)` does: everything beyond ASCII escaped, NaN and
 * Infinity as such, floats by Python's repr, no newline at the end.
 */
export function jsonText(value: Json, options: JsonTextOptions = {}): string {
  return spell(value, options, "\n", undefined);
}

function spell(value: Json, options: JsonTextOptions, newline: string, spelled: string | undefined): string {
  if (typeof value === "number") return spelled ?? pythonNumber(value);
  if (typeof value === "string") return asciiString(value);
  if (typeof value !== "object" || value === null) return String(value);
  const known = spellings.get(value);
  const inner = options.indent === undefined ? "" : newline + " ".repeat(options.indent);
  const item = (child: Json, key: string | number): string =>
    spell(child, options, inner, typeof child === "number" ? known?.get(key) : undefined);
  if (Array.isArray(value)) {
    return wrap("[", (value as readonly Json[]).map(item), "]", newline, inner);
  }
  const record = value as JsonRecord;
  const keys = Object.keys(record);
  if (options.sortKeys) keys.sort(byCodePoint);
  const fields = keys.map((key) => `${asciiString(key)}: ${item(record[key] as Json, key)}`);
  return wrap("{", fields, "}", newline, inner);
}

function wrap(open: string, items: readonly string[], close: string, newline: string, inner: string): string {
  if (items.length === 0) return open + close;
  return inner === ""
    ? open + items.join(", ") + close
    : open + inner + items.join(`,${inner}`) + newline + close;
}

/** Python's order of strings; JavaScript's differs where a surrogate pair meets U+E000 to U+FFFF. */
function byCodePoint(a: string, b: string): number {
  const [left, right] = [[...a], [...b]];
  for (let at = 0; at < Math.min(left.length, right.length); at++) {
    const difference = (left[at]?.codePointAt(0) ?? 0) - (right[at]?.codePointAt(0) ?? 0);
    if (difference !== 0) return difference;
  }
  return left.length - right.length;
}

function asciiString(text: string): string {
  return JSON.stringify(text).replace(/[\u007f-\uffff]/g, (unit) =>
    unit === "\u007f" ? unit : `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

/** Python's repr: exponents below 1e-4 and from 1e16 on, of two digits at least. Whole numbers pass as int. */
function pythonNumber(value: number): string {
  if (!Number.isFinite(value)) return String(value);
  if (Number.isInteger(value)) return Object.is(value, -0) ? "-0.0" : BigInt(value).toString();
  if (Math.abs(value) >= 1e-4) return String(value);
  const [digits = "", exponent = "0"] = value.toExponential().split("e");
  return `${digits}e-${String(-Number(exponent)).padStart(2, "0")}`;
}
