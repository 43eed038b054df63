// `.metadata`: a plain pickle of torch.distributed.checkpoint.metadata.Metadata (torch 2.0 to 2.13).
import { UnsupportedError } from "../../core/index.ts";
import { describe, PickleTuple, type PickleValue, unpickle } from "../../pickle/index.ts";
import { badMetadata } from "./errors.ts";
import { metadataPickleLimits } from "./limits.ts";
import type { Place } from "./place.ts";
import { countOf, field, isRecord, mapOf, sizesOf, textOf } from "./record.ts";
import { type TensorRecord, tensorRecord } from "./tensor-record.ts";

/** Keys of dicts as text and positions of lists as numbers, from the state dict's top. */
export type StatePath = readonly (string | number)[];

export interface Metadata {
  /** By flat name (`fqn`), in the order of the file. */
  readonly tensors: ReadonlyMap<string, TensorRecord>;
  /** Python objects, each a torch.save file of its own. */
  readonly objects: ReadonlyMap<string, Place>;
  /** Where each flat name stands in the nested state dict; a name that is not here stands at the top. */
  readonly paths: ReadonlyMap<string, StatePath>;
  /** Absent in files of torch before 2.3. */
  readonly version?: string;
}

/**
 * Reads `.metadata`. Nothing of it is run; every chunk has its place, and every place belongs to a chunk.
 * @throws FormatError TENON_DCP_METADATA, TENON_PICKLE_…; UnsupportedError TENON_DCP_VERSION, TENON_DCP_TRANSFORM,
 *   TENON_DCP_TENSOR
 */
export function readMetadata(bytes: Uint8Array, path: string): Metadata {
  const { value } = unpickle(bytes, { file: path, limits: metadataPickleLimits });
  if (!isRecord(value, "Metadata"))
    return badMetadata(path, `the pickle holds ${describe(value)}, not torch's Metadata`);
  const version = versionOf(field(value, "version"), path);
  const places = placesOf(field(value, "storage_data"), path);
  const tensors = new Map<string, TensorRecord>();
  const objects = new Map<string, Place>();
  for (const [key, entry] of mapOf(field(value, "state_dict_metadata"), "state_dict_metadata", path)) {
    const name = textOf(key, "a key of state_dict_metadata", path);
    const own = places.get(name) ?? new Map<string, Place>();
    places.delete(name);
    if (isRecord(entry, "TensorStorageMetadata")) {
      tensors.set(name, tensorRecord(name, entry, own, path));
    } else if (isRecord(entry, "BytesStorageMetadata")) {
      const [place, ...more] = own.values();
      if (place === undefined || more.length > 0)
        return badMetadata(path, `object ${JSON.stringify(name)} has ${own.size} places, not one`, { name });
      objects.set(name, place);
    } else return badMetadata(path, `${JSON.stringify(name)} is ${describe(entry)}`, { name });
  }
  const [stray] = places.keys();
  if (stray !== undefined)
    return badMetadata(path, `storage_data has ${JSON.stringify(stray)}, state_dict_metadata has not`, {
      name: stray,
    });
  const paths = pathsOf(field(value, "planner_data"), path);
  return { tensors, objects, paths, ...(version !== undefined && { version }) };
}

function versionOf(value: PickleValue | undefined, path: string): string | undefined {
  if (value === undefined || value === null) return undefined;
  const version = textOf(value, "version", path);
  if (/^[01](\.\d+)*$/.test(version)) return version;
  throw new UnsupportedError("TENON_DCP_VERSION", `dcp: version ${version}; 1 is known (${path})`, {
    details: { version, path },
    hint: "Load it with the torch that wrote it and save it again with torch 2.13 or older.",
  });
}

/** Flat name → offsets of the chunk, joined by commas (`object` for a Python object) → its place. */
function placesOf(value: PickleValue | undefined, path: string): Map<string, Map<string, Place>> {
  const places = new Map<string, Map<string, Place>>();
  const stored = mapOf(value, "storage_data", path);
  for (const [index, info] of stored) {
    // The records may go as soon as they are read.
    stored.delete(index);
    if (!isRecord(index, "MetadataIndex") || !isRecord(info, "_StorageInfo"))
      return badMetadata(path, `storage_data maps ${describe(index)} to ${describe(info)}`);
    const name = textOf(field(index, "fqn"), "fqn of a MetadataIndex", path);
    const offset = field(index, "offset") ?? null;
    const key = offset === null ? "object" : sizesOf(offset, `offset of ${name}`, path).join(",");
    const own = places.get(name) ?? new Map<string, Place>();
    places.set(name, own);
    if (own.has(key))
      badMetadata(path, `${JSON.stringify(name)} has two places for chunk [${key}]`, { name });
    const transforms = field(info, "transform_descriptors");
    if (Array.isArray(transforms) && transforms.length > 0) refuseTransform(name, transforms, path);
    own.set(key, {
      file: textOf(field(info, "relative_path"), `relative_path of ${name}`, path),
      byteOffset: countOf(field(info, "offset"), `offset of ${name}`, path),
      byteLength: countOf(field(info, "length"), `length of ${name}`, path),
    });
  }
  return places;
}

function refuseTransform(name: string, transforms: readonly PickleValue[], path: string): never {
  const named = transforms.map((each) => (typeof each === "string" ? each : describe(each))).join(", ");
  throw new UnsupportedError(
    "TENON_DCP_TRANSFORM",
    `dcp: ${JSON.stringify(name)} was stored through ${named}, which is not read (${path})`,
    {
      details: { name, transforms: named, path },
      hint: "Load it with torch and save it again without extensions of the storage writer.",
    },
  );
}

/** `planner_data` of torch's own planner; other planners keep something else there, and names are flat then. */
function pathsOf(value: PickleValue | undefined, path: string): Map<string, StatePath> {
  const paths = new Map<string, StatePath>();
  if (value === undefined || value === null) return paths;
  for (const [name, at] of mapOf(value, "planner_data", path)) {
    if (typeof name !== "string" || !(at instanceof PickleTuple) || at.length === 0)
      return badMetadata(path, `planner_data maps ${describe(name)} to ${describe(at)}, not to a path`);
    const found: (string | number)[] = [];
    for (const segment of at) {
      if (typeof segment === "string") found.push(segment);
      else found.push(countOf(segment, `a position in the path of ${name}`, path));
    }
    paths.set(name, found);
  }
  return paths;
}
