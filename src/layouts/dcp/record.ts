// Typed looks into the records of a `.metadata` pickle.
import { describe, PickleMap, PickleRecord, PickleTuple, type PickleValue } from "../../pickle/index.ts";
import { badMetadata } from "./errors.ts";

/** Names without their module: classes have moved between versions of torch. */
export function isRecord(value: PickleValue | undefined, ...names: readonly string[]): value is PickleRecord {
  return value instanceof PickleRecord && names.includes(value.global.slice(value.global.indexOf(" ") + 1));
}

/** A field of a dataclass; undefined where the version that wrote it had no such field. */
export function field(record: PickleRecord, name: string): PickleValue | undefined {
  return record.field(name);
}

export function mapOf(value: PickleValue | undefined, what: string, path: string): PickleMap {
  return value instanceof PickleMap ? value : badMetadata(path, `${what} is ${describe(value)}, not a dict`);
}

export function textOf(value: PickleValue | undefined, what: string, path: string): string {
  return typeof value === "string" ? value : badMetadata(path, `${what} is ${describe(value)}, not a str`);
}

export function countOf(value: PickleValue | undefined, what: string, path: string): number {
  if (typeof value === "number" && Number.isSafeInteger(value) && value >= 0) return value;
  const found = typeof value === "number" || typeof value === "bigint" ? String(value) : describe(value);
  return badMetadata(path, `${what} is ${found}, not a count`);
}

/** A torch.Size. */
export function sizesOf(value: PickleValue | undefined, what: string, path: string): number[] {
  if (!(value instanceof PickleTuple))
    return badMetadata(path, `${what} is ${describe(value)}, not a torch.Size`);
  // Not by pushing, which leaves room for 17: there are millions of these.
  return Array.from(value, (size) => countOf(size, what, path));
}
