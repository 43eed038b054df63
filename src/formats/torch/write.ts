import { byteLengthOf, type DType, PlanError, type Shape, UnsupportedError } from "../../core/index.ts";
import {
  PersistentId,
  PickleGlobal,
  PickleMap,
  PickleRecord,
  PickleTuple,
  type PickleValue,
  writePickle,
} from "../../pickle/index.ts";
import type { FileLayout, LayOutExtras } from "../format.ts";
import { TensorPlace } from "./place.ts";
import { elementTypes, storageClasses } from "./wire.ts";
import { type PlannedMember, ZipLayout } from "./zip-layout.ts";

export interface TorchEntry {
  readonly name: string;
  readonly dtype: DType;
  readonly shape: Shape;
}

/** Where one archive of several lies in its file. */
export interface ArchiveExtent {
  readonly byteOffset: number;
  readonly byteLength: number;
}

/** The folder inside the archive: what torch calls it when it saves to a file object. */
const folder = "archive";

/**
 * Lays out a state dict as `torch.save(OrderedDict)` does: one storage a tensor, in the order given; aliases are the
 * tensor of their owner once more, which is how torch keeps tied weights. With `objects` what is saved is another object,
 * which has a {@link TensorPlace} for each entry; several objects become archives one after another, as DCP's data files
 * are. Checksums of storages are part of the file, so the directory is written last, by `seal`. What torch also writes and
 * nobody needs, `.data/serialization_id`, is left out.
 * @throws PlanError TENON_TORCH_NAME_UNWRITABLE, TENON_TORCH_NAME_TWICE, TENON_TORCH_METADATA; UnsupportedError
 *   TENON_TORCH_DTYPE_UNWRITABLE
 */
export function layOutTorch(
  entries: readonly TorchEntry[],
  metadata: Readonly<Record<string, string>>,
  { aliases, objects }: LayOutExtras = {},
): FileLayout {
  refuseMetadata(metadata);
  checkNames(entries);
  const archives = archivesOf(entries, objects ?? [flatDict(entries, aliases)]);
  const starts = startsOf(archives);
  const at = <T extends { readonly byteOffset: number }>(place: T, archive: number): T => ({
    ...place,
    byteOffset: place.byteOffset + (starts[archive] as number),
  });
  return {
    byteLength: archives.reduce((sum, { zip }) => sum + zip.byteLength, 0),
    fixed: archives.flatMap(({ zip }, index) =>
      zip.fixed.filter(({ bytes }) => bytes.length > 0).map((piece) => at(piece, index)),
    ),
    tensors: archives.flatMap(({ members }, index) =>
      [...members].map(([{ dataOffset, byteLength }, name]) =>
        at({ name, byteOffset: dataOffset, byteLength }, index),
      ),
    ),
    seal: (crcs) =>
      archives.flatMap(({ zip, members }, index) =>
        zip.seal((member) => crcs.get(members.get(member) ?? "") ?? 0).map((piece) => at(piece, index)),
      ),
  };
}

/** Where the archive of each object lies in the file that {@link layOutTorch} makes of them. */
export function archiveExtents(
  entries: readonly TorchEntry[],
  objects: readonly unknown[],
): readonly ArchiveExtent[] {
  const archives = archivesOf(entries, objects);
  const starts = startsOf(archives);
  return archives.map(({ zip }, index) => ({
    byteOffset: starts[index] as number,
    byteLength: zip.byteLength,
  }));
}

interface Archive {
  readonly zip: ZipLayout;
  /** Members that tensors fill, with the names of these. */
  readonly members: ReadonlyMap<PlannedMember, string>;
}

function archivesOf(entries: readonly TorchEntry[], objects: readonly unknown[]): readonly Archive[] {
  const left = new Map(entries.map((entry) => [entry.name, entry]));
  const archives = objects.map((object) => archiveOf(object as PickleValue, left));
  const [unplaced] = left.keys();
  if (unplaced !== undefined) throw new Error(`internal: no object has a place for ${unplaced}`);
  return archives;
}

/** Takes the entries that it places out of `left`. Storages are numbered as the pickle meets them. */
function archiveOf(object: PickleValue, left: Map<string, TorchEntry>): Archive {
  const placed = new Map<string, { readonly entry: TorchEntry; readonly record: PickleRecord }>();
  const pickle = writePickle(object, (value) => {
    if (!(value instanceof TensorPlace)) return undefined;
    const known = placed.get(value.name);
    if (known !== undefined) return known.record;
    const entry = left.get(value.name);
    if (entry === undefined) throw new Error(`internal: ${value.name} is placed and not among the entries`);
    left.delete(value.name);
    const record = tensorRecord(entry, String(placed.size));
    placed.set(value.name, { entry, record });
    return record;
  });
  const encode = (text: string): Uint8Array => new TextEncoder().encode(text);
  const zip = new ZipLayout();
  zip.put(`${folder}/data.pkl`, pickle);
  zip.put(`${folder}/.format_version`, encode("1"));
  zip.put(`${folder}/.storage_alignment`, encode("64"));
  zip.put(`${folder}/byteorder`, encode("little"));
  const members = new Map<PlannedMember, string>();
  let key = 0;
  for (const [name, { entry }] of placed)
    members.set(zip.add(`${folder}/data/${key++}`, byteLengthOf(entry.dtype, entry.shape)), name);
  zip.put(`${folder}/version`, encode("3\n"));
  return { zip, members };
}

function startsOf(archives: readonly Archive[]): readonly number[] {
  const starts = [0];
  for (const [index, { zip }] of archives.entries()) starts.push((starts[index] as number) + zip.byteLength);
  return starts;
}

function flatDict(
  entries: readonly TorchEntry[],
  aliases: ReadonlyMap<string, string> = new Map(),
): PickleMap {
  const dict = new PickleMap("collections OrderedDict");
  const places = new Map(entries.map(({ name }) => [name, new TensorPlace(name)]));
  for (const [name, place] of places) dict.set(name, place);
  for (const [alias, owner] of aliases) {
    const place = places.get(owner);
    if (place === undefined)
      throw new Error(`internal: ${alias} is an alias of ${owner}, which is not written`);
    checkName(alias, dict);
    dict.set(alias, place);
  }
  return dict;
}

function checkNames(entries: readonly TorchEntry[]): void {
  const taken = new Map<string, unknown>();
  for (const entry of entries) {
    checkName(entry.name, taken);
    taken.set(entry.name, entry);
  }
}

/** What `torch._utils._rebuild_tensor_v2` is called with; v3 for types that have no storage class of their own. */
function tensorRecord({ name, dtype, shape }: TorchEntry, key: string): PickleRecord {
  const element = [...elementTypes.values()].find((type) => type.dtype === dtype);
  if (element === undefined) {
    const message = `torch: torch has no type for the ${dtype} tensor ${JSON.stringify(name)}`;
    throw new UnsupportedError("TENON_TORCH_DTYPE_UNWRITABLE", message, { details: { tensor: name, dtype } });
  }
  const storage = storageClasses.get(element.name);
  const [module, type, count] =
    storage === undefined
      ? ["torch.storage", "UntypedStorage", byteLengthOf(dtype, shape)]
      : ["torch", storage, byteLengthOf(dtype, shape) / element.bytes];
  const strides: number[] = [];
  for (let axis = shape.length - 1, step = 1; axis >= 0; axis--) {
    strides.unshift(step);
    // As torch counts them: an axis of size 0 steps like one of size 1.
    step *= Math.max(shape[axis] as number, 1);
  }
  const id = ["storage", new PickleGlobal(module as string, type as string), key, "cpu", count as number];
  const args = [
    new PersistentId(PickleTuple.ofValues(id)),
    0,
    PickleTuple.ofValues(shape),
    PickleTuple.ofValues(strides),
    false,
    new PickleMap("collections OrderedDict"),
  ];
  if (storage !== undefined) return new PickleRecord("torch._utils _rebuild_tensor_v2", args);
  return new PickleRecord("torch._utils _rebuild_tensor_v3", [
    ...args,
    new PickleGlobal("torch", element.name),
  ]);
}

function checkName(name: string, taken: ReadonlyMap<unknown, unknown>): void {
  if (/\p{Surrogate}/u.test(name)) {
    const message = `torch: no tensor can be named ${JSON.stringify(name)}`;
    throw new PlanError("TENON_TORCH_NAME_UNWRITABLE", message, { details: { tensor: name } });
  }
  if (!taken.has(name)) return;
  const message = `torch: two tensors are named ${JSON.stringify(name)}`;
  throw new PlanError("TENON_TORCH_NAME_TWICE", message, { details: { tensor: name } });
}

function refuseMetadata(metadata: Readonly<Record<string, string>>): void {
  const keys = Object.keys(metadata);
  if (keys.length === 0) return;
  const message = `torch: a torch.save file has no place for metadata: ${keys.join(", ")}`;
  throw new PlanError("TENON_TORCH_METADATA", message, { details: { keys } });
}
