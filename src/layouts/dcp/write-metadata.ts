// `.metadata`, as torch.distributed.checkpoint.metadata.Metadata of torch 2.13 pickles, in protocol 2.
import { type DType, UnsupportedError } from "../../core/index.ts";
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

/** An item and where it lies. */
export interface PlacedItem {
  readonly item: WrittenItem;
  readonly place: Place;
}

/**
 * One chunk a tensor, which covers it: loading cuts it for whatever mesh asks. No path of this machine is in it, as torch
 * leaves one (`storage_meta`).
 * @throws UnsupportedError TENON_TORCH_DTYPE_UNWRITABLE
 */
export function writeMetadata(placed: readonly PlacedItem[]): Uint8Array {
  const entries = new PickleMap();
  const paths = new PickleMap();
  const places = new PickleMap();
  const layout = new PickleRecord("torch.serialization _get_layout", ["torch.strided"]);
  const memoryFormat = new PickleRecord(`${module} _MEM_FORMAT_ENCODING`, [0]);
  for (const { item, place } of placed) {
    const { name, path } = item;
    paths.set(name, PickleTuple.ofValues(path));
    places.set(indexOf(item), storageInfo(place));
    if ("object" in item) {
      entries.set(name, object("BytesStorageMetadata", {}));
      continue;
    }
    const { dtype, shape } = item.recipe;
    const properties = [dtypeGlobal(name, dtype), layout, false, memoryFormat, false];
    const chunk = object("ChunkStorageMetadata", { offsets: size(shape.map(() => 0)), sizes: size(shape) });
    entries.set(
      name,
      object("TensorStorageMetadata", {
        properties: new PickleObject(
          `${module} TensorProperties`,
          new PickleTuple(),
          PickleTuple.ofValues(properties),
        ),
        size: size(shape),
        chunks: [chunk],
      }),
    );
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

function indexOf(item: WrittenItem): PickleObject {
  const { name: fqn } = item;
  if ("object" in item) return object("MetadataIndex", { fqn, index: null });
  return object("MetadataIndex", { fqn, index: 0, offset: size(item.recipe.shape.map(() => 0)) });
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
