// `.metadata`, as torch.distributed.checkpoint.metadata.Metadata of torch 2.13 pickles, in protocol 2.
import { type DType, type Shape, UnsupportedError } from "../../core/index.ts";
import { torchDTypeName } from "../../formats/index.ts";
import {
  PickleGlobal,
  PickleMap,
  PickleObject,
  PickleRecord,
  PickleTuple,
  type PickleValue,
  writePickle,
} from "../../pickle/index.ts";
import type { Place } from "./place.ts";
import type { WrittenItem } from "./written-items.ts";

const module = "torch.distributed.checkpoint.metadata";

/** An object, or a chunk of a tensor, and where it lies. Chunks of a tensor come one after another. */
export interface PlacedItem {
  readonly item: WrittenItem;
  readonly place: Place;
  /** Index of the chunk's first row. */
  readonly firstRow: number;
  /** The chunk's own; undefined for an object. */
  readonly shape: Shape | undefined;
}

/**
 * Chunks of whole rows: loading cuts them for whatever mesh asks. No path of this machine is in it, as torch leaves one
 * (`storage_meta`).
 * @throws UnsupportedError TENON_TORCH_DTYPE_UNWRITABLE
 */
export function writeMetadata(placed: readonly PlacedItem[]): Uint8Array {
  const entries = new PickleMap();
  const paths = new PickleMap();
  const places = new PickleMap();
  const chunksOf = new Map<WrittenItem, PickleValue[]>();
  const layout = new PickleRecord("torch.serialization _get_layout", ["torch.strided"]);
  const memoryFormat = new PickleRecord(`${module} _MEM_FORMAT_ENCODING`, [0]);
  for (const { item, place, firstRow, shape } of placed) {
    const { name, path } = item;
    if ("object" in item || shape === undefined) {
      paths.set(name, PickleTuple.ofValues(path));
      entries.set(name, object("BytesStorageMetadata", {}));
      places.set(object("MetadataIndex", { fqn: name, index: null }), storageInfo(place));
      continue;
    }
    const chunks = chunksOf.get(item) ?? [];
    const offsets = shape.map((_, axis) => (axis === 0 ? firstRow : 0));
    const index = object("MetadataIndex", { fqn: name, index: chunks.length, offset: size(offsets) });
    places.set(index, storageInfo(place));
    chunks.push(object("ChunkStorageMetadata", { offsets: size(offsets), sizes: size(shape) }));
    if (chunksOf.has(item)) continue;
    chunksOf.set(item, chunks);
    paths.set(name, PickleTuple.ofValues(path));
    const properties = [dtypeGlobal(name, item.recipe.dtype), layout, false, memoryFormat, false];
    const stored = { properties: propertiesOf(properties), size: size(item.recipe.shape), chunks };
    entries.set(name, object("TensorStorageMetadata", stored));
  }
  const metadata = object("Metadata", {
    state_dict_metadata: entries,
    planner_data: paths,
    storage_data: places,
    storage_meta: null,
    version: "1.0.0",
  });
  return writePickle(metadata);
}

function propertiesOf(values: readonly PickleValue[]): PickleObject {
  return new PickleObject(`${module} TensorProperties`, new PickleTuple(), PickleTuple.ofValues(values));
}

function storageInfo({ file, byteOffset, byteLength }: Place): PickleObject {
  const state = mapOf({ relative_path: file, offset: byteOffset, length: byteLength });
  return new PickleObject("torch.distributed.checkpoint.filesystem _StorageInfo", new PickleTuple(), state);
}

function object(name: string, fields: Readonly<Record<string, PickleValue>>): PickleObject {
  const state = mapOf(fields);
  return new PickleObject(`${module} ${name}`, new PickleTuple(), state.size > 0 ? state : undefined);
}

function mapOf(fields: Readonly<Record<string, PickleValue>>): PickleMap {
  const map = new PickleMap();
  for (const [key, value] of Object.entries(fields)) map.set(key, value);
  return map;
}

function size(shape: readonly number[]): PickleRecord {
  return new PickleRecord("torch Size", [PickleTuple.ofValues(shape)]);
}

function dtypeGlobal(tensor: string, dtype: DType): PickleGlobal {
  const name = torchDTypeName(dtype);
  if (name !== undefined) return new PickleGlobal("torch", name);
  const message = `dcp: torch has no type for the ${dtype} tensor ${JSON.stringify(tensor)}`;
  throw new UnsupportedError("TENON_TORCH_DTYPE_UNWRITABLE", message, { details: { tensor, dtype } });
}
