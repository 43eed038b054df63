// Documents of a trainer's state as the files that a trainer reads: the inverse of training-documents.ts.
import { crc32 } from "../bytes/index.ts";
import {
  byteLengthOf,
  type DType,
  isDType,
  isJsonRecord,
  type Json,
  type JsonRecord,
  jsonText,
  type OutputFile,
  PlanError,
  type Shape,
} from "../core/index.ts";
import { TensorPlace, torch } from "../formats/index.ts";
import {
  NumpyArray,
  NumpyDType,
  PickleFloat,
  PickleMap,
  PickleTuple,
  type PickleValue,
} from "../pickle/index.ts";
import { counterOf } from "./counter.ts";

interface StoredTensor {
  readonly name: string;
  readonly dtype: DType;
  readonly shape: Shape;
  readonly bytes: Uint8Array;
}

/**
 * One file: JSON as transformers writes it where the name says so, else what `torch.save` makes of the document.
 * @throws PlanError TENON_DOCUMENT_UNWRITABLE
 */
export function documentFile(path: string, document: JsonRecord): OutputFile {
  if (path.endsWith(".json"))
    return { kind: "text", path, text: `${jsonText(document, { indent: 2, sortKeys: true })}\n` };
  const tensors: StoredTensor[] = [];
  const object = pickleOf(document, { path, key: "", tensors });
  const layout = torch.layOut?.(tensors, {}, { objects: [object] });
  if (layout === undefined) throw new Error("internal: torch files are not written");
  const bytes = new Uint8Array(layout.byteLength);
  const put = ({ byteOffset, bytes: piece }: { byteOffset: number; bytes: Uint8Array }): void =>
    bytes.set(piece, byteOffset);
  for (const piece of layout.fixed) put(piece);
  const stored = new Map(tensors.map((tensor) => [tensor.name, tensor.bytes]));
  for (const { name, byteOffset } of layout.tensors)
    put({ byteOffset, bytes: stored.get(name) ?? new Uint8Array(0) });
  const checks = new Map([...stored].map(([name, data]) => [name, crc32(data)]));
  for (const piece of layout.seal?.(checks) ?? []) put(piece);
  return { kind: "bytes", path, bytes };
}

interface Place {
  readonly path: string;
  /** The nearest key above. */
  readonly key: string;
  readonly tensors: StoredTensor[];
}

/**
 * What torch's schedulers and torch.amp.GradScaler keep as floats (2.13). JSON does not tell 0.0 from 0, and Python holds
 * them for equal; whoever prints a rate sees the difference.
 */
const floats: ReadonlySet<string> = new Set([
  "base_lrs", "_last_lr", "scale", "growth_factor", "backoff_factor", "eta_min", "gamma", "start_factor", "end_factor", "factor",
  "power", "threshold", "eps", "cooldown_lr",
]); // biome-ignore format: a list

function pickleOf(value: Json, place: Place): PickleValue {
  if (typeof value === "number") return floats.has(place.key) ? new PickleFloat(value) : value;
  if (value === null || typeof value !== "object") return value;
  if (!isJsonRecord(value)) return (value as readonly Json[]).map((item) => pickleOf(item, place));
  const [only, ...more] = Object.keys(value);
  if (only?.startsWith("$") === true) {
    const spelled = more.length === 0 ? spelledValue(only, value[only] as Json, place) : undefined;
    return spelled ?? malformed(place, `{${[only, ...more].join(", ")}}`);
  }
  const map = new PickleMap();
  for (const [key, item] of Object.entries(value)) map.set(key, pickleOf(item as Json, { ...place, key }));
  return map;
}

/** What JSON has no word for; undefined for what is not spelled as reading does. */
function spelledValue(word: string, value: Json, place: Place): PickleValue | undefined {
  if (word === "$tuple" && Array.isArray(value)) return tupleOf(value as readonly Json[], place);
  if (word === "$counter") return counterOf({ [word]: value });
  if (word === "$int" && typeof value === "string" && /^-?\d{1,600}$/.test(value)) return BigInt(value);
  if (word === "$bytes") return bytesOf(value);
  if (!isJsonRecord(value)) return undefined;
  const { dtype, shape, base64 } = value;
  const bytes = bytesOf(base64);
  if (typeof dtype !== "string" || bytes === undefined || !isShape(shape)) return undefined;
  if (word === "$array") return arrayOf(dtype, shape, bytes);
  return word === "$tensor" ? tensorOf(dtype, shape, bytes, place) : undefined;
}

/** The last item of Python's and numpy's random states is a float, where there is one. */
function tupleOf(items: readonly Json[], place: Place): PickleTuple {
  const values = items.map((item) => pickleOf(item, place));
  const last = values.at(-1);
  const isRandomState = items[0] === "MT19937" || (items.length === 3 && isTuple(items[1]));
  if (isRandomState && typeof last === "number") values[values.length - 1] = new PickleFloat(last);
  return PickleTuple.ofValues(values);
}

function isTuple(value: Json | undefined): boolean {
  return value !== undefined && isJsonRecord(value) && "$tuple" in value;
}

function arrayOf(type: string, shape: Shape, bytes: Uint8Array): NumpyArray | undefined {
  const [, order, descr = ""] = /^([<>|])([a-zA-Z]\d{1,9})$/.exec(type) ?? [];
  if (order === undefined) return undefined;
  const dtype = new NumpyDType(descr);
  dtype.byteOrder = order as "<" | ">" | "|";
  const array = new NumpyArray();
  return array.fill([...shape], dtype, false, bytes) === undefined ? array : undefined;
}

function tensorOf(dtype: string, shape: Shape, bytes: Uint8Array, place: Place): TensorPlace | undefined {
  if (!isDType(dtype) || byteLengthOf(dtype, shape) !== bytes.length) return undefined;
  const name = String(place.tensors.length);
  place.tensors.push({ name, dtype, shape, bytes });
  return new TensorPlace(name);
}

function bytesOf(value: Json | undefined): Uint8Array | undefined {
  if (typeof value !== "string") return undefined;
  try {
    return Uint8Array.from(atob(value), (letter) => letter.charCodeAt(0));
  } catch {
    return undefined;
  }
}

function isShape(value: Json | undefined): value is Shape & Json {
  return (
    Array.isArray(value) &&
    (value as readonly Json[]).every(
      (size) => typeof size === "number" && Number.isSafeInteger(size) && size >= 0,
    )
  );
}

function malformed({ path, key }: Place, found: string): never {
  const message = `trainer state: ${JSON.stringify(key)} of ${path} is ${found.slice(0, 100)}, which stands for no value`;
  throw new PlanError("TENON_DOCUMENT_UNWRITABLE", message, {
    details: { path, key },
    hint: `Leave the document out: --drop ${path}`,
  });
}
