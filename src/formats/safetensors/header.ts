import {
  byteLengthOf,
  type DType,
  FormatError,
  isDType,
  isJsonRecord,
  isTenonError,
  type Json,
  type JsonRecord,
  parseJsonRecord,
  UnsupportedError,
} from "../../core/index.ts";
import { entryKeys, headerStart, metadataKey } from "./wire.ts";

export interface HeaderEntry {
  readonly name: string;
  readonly dtype: DType;
  readonly shape: readonly number[];
  /** From the start of the data section. */
  readonly begin: number;
  readonly end: number;
}

export interface Header {
  /** In the order of their data. */
  readonly entries: readonly HeaderEntry[];
  readonly metadata: Readonly<Record<string, string>>;
  /** Bytes that the entries cover; they start at 0 and have no gap. */
  readonly dataBytes: number;
}

/**
 * Parses a header and checks everything that can be checked without the data section: names, dtypes, sizes, and that
 * the entries tile the data section from 0 with neither gap nor overlap.
 * @throws FormatError TENON_SAFETENSORS_…, TENON_JSON_…, UnsupportedError TENON_SAFETENSORS_UNKNOWN_DTYPE
 */
export function parseHeader(bytes: Uint8Array, path: string): Header {
  if (bytes[0] !== headerStart)
    throw bad("TENON_SAFETENSORS_BAD_HEADER", "the header does not begin with {", path);
  const record = parseJsonRecord(decodeUtf8(bytes, path), { file: path, maxDepth: 4 });
  const entries: HeaderEntry[] = [];
  let metadata: Readonly<Record<string, string>> = {};
  for (const name of Object.keys(record)) {
    const value = record[name] as Json;
    // MLX writes null where it has none, and the safetensors library reads that as none.
    if (name === metadataKey) metadata = value === null ? {} : parseMetadata(value, path);
    else entries.push(parseEntry(name, value, path));
  }
  entries.sort((a, b) => a.begin - b.begin || a.end - b.end);
  return { entries, metadata, dataBytes: checkTiling(entries, path) };
}

function decodeUtf8(bytes: Uint8Array, path: string): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (cause) {
    throw bad("TENON_SAFETENSORS_BAD_HEADER", "the header is not UTF-8", path, {}, cause);
  }
}

function parseMetadata(value: Json, path: string): Readonly<Record<string, string>> {
  if (!isJsonRecord(value) || Object.values(value).some((text) => typeof text !== "string")) {
    throw bad("TENON_SAFETENSORS_BAD_METADATA", `${metadataKey} is not a map of strings to strings`, path);
  }
  return value as Readonly<Record<string, string>>;
}

function parseEntry(name: string, value: Json, path: string): HeaderEntry {
  const refuse = (code: string, found: string): FormatError =>
    bad(code, `tensor ${JSON.stringify(name)} ${found}`, path, { tensor: name });
  if (/\p{Surrogate}/u.test(name)) {
    throw refuse("TENON_SAFETENSORS_BAD_NAME", "has half a character in its name");
  }
  if (!isJsonRecord(value)) throw refuse("TENON_SAFETENSORS_BAD_ENTRY", "is not described by an object");
  for (const key in value) {
    if (entryKeys.includes(key)) continue;
    throw refuse("TENON_SAFETENSORS_BAD_ENTRY", `has an unknown key ${JSON.stringify(key)}`);
  }
  const dtype = value["dtype"];
  if (!isDType(dtype)) throw unknownDType(name, dtype, path);
  const shape = counts(value["shape"]);
  if (shape === undefined) throw refuse("TENON_SAFETENSORS_BAD_ENTRY", "has no shape of counts");
  const offsets = counts(value["data_offsets"]);
  const [begin = 0, end = -1] = offsets ?? [];
  if (offsets?.length !== 2 || end < begin) {
    throw refuse("TENON_SAFETENSORS_BAD_OFFSETS", "has no [begin, end] with begin <= end");
  }
  const needed = neededBytes(name, dtype, shape, path);
  if (end - begin !== needed) {
    const found = `has ${end - begin} bytes, ${dtype} [${shape.join(", ")}] takes ${needed}`;
    throw refuse("TENON_SAFETENSORS_SIZE_MISMATCH", found);
  }
  return { name, dtype, shape, begin, end };
}

/** A list of whole numbers that are exact in a double, or undefined. */
function counts(value: Json | undefined): readonly number[] | undefined {
  if (!Array.isArray(value)) return undefined;
  for (const count of value) if (!Number.isSafeInteger(count) || count < 0) return undefined;
  return value;
}

function neededBytes(name: string, dtype: DType, shape: readonly number[], path: string): number {
  try {
    return byteLengthOf(dtype, shape);
  } catch (error) {
    if (!isTenonError(error)) throw error;
    const message = `safetensors: tensor ${JSON.stringify(name)}: ${error.message} (${path})`;
    throw new FormatError(error.code, message, { cause: error, details: { tensor: name, path } });
  }
}

function unknownDType(name: string, dtype: Json | undefined, path: string): UnsupportedError {
  const message = `safetensors: tensor ${JSON.stringify(name)} has the unknown dtype ${JSON.stringify(dtype)} (${path})`;
  return new UnsupportedError("TENON_SAFETENSORS_UNKNOWN_DTYPE", message, {
    details: { tensor: name, dtype: dtype ?? null, path },
  });
}

/** @returns the bytes covered */
function checkTiling(entries: readonly HeaderEntry[], path: string): number {
  let at = 0;
  let before = "the start of the data section";
  for (const { name, begin, end } of entries) {
    const tensor = JSON.stringify(name);
    if (begin !== at) {
      const [code, what] =
        begin < at
          ? ["TENON_SAFETENSORS_OFFSETS_OVERLAP", "overlaps"]
          : ["TENON_SAFETENSORS_OFFSETS_GAP", "leaves a gap after"];
      const found = `tensor ${tensor} begins at byte ${begin} and ${what} ${before}, which ends at byte ${at}`;
      throw bad(code, found, path, { tensor: name, expected: at, actual: begin });
    }
    at = end;
    before = `tensor ${tensor}`;
  }
  return at;
}

/** A FormatError about a safetensors file. */
export function bad(
  code: string,
  found: string,
  path: string,
  details: JsonRecord = {},
  cause?: unknown,
): FormatError {
  return new FormatError(code, `safetensors: ${found} (${path})`, {
    details: { ...details, path },
    cause,
  });
}
