import { byteLengthOf, type DType, PlanError, type Shape, UnsupportedError } from "../../core/index.ts";
import {
  PersistentId,
  PickleGlobal,
  PickleMap,
  PickleRecord,
  PickleTuple,
  writePickle,
} from "../../pickle/index.ts";
import type { FileLayout, LayOutExtras } from "../format.ts";
import { elementTypes, storageClasses } from "./wire.ts";
import { type PlannedMember, ZipLayout } from "./zip-layout.ts";

interface Entry {
  readonly name: string;
  readonly dtype: DType;
  readonly shape: Shape;
}

/** The folder inside the archive: what torch calls it when it saves to a file object. */
const folder = "archive";

/**
 * Lays out a state dict as `torch.save(OrderedDict)` does: one storage a tensor, in the order given; aliases are the
 * tensor of their owner once more, which is how torch keeps tied weights. Checksums of storages are part of the file,
 * so the directory is written last, by `seal`. What torch also writes and nobody needs, `.data/serialization_id`, is left out.
 * @throws PlanError TENON_TORCH_NAME_UNWRITABLE, TENON_TORCH_NAME_TWICE, TENON_TORCH_METADATA; UnsupportedError
 *   TENON_TORCH_DTYPE_UNWRITABLE
 */
export function layOutTorch(
  entries: readonly Entry[],
  metadata: Readonly<Record<string, string>>,
  { aliases = new Map() }: LayOutExtras = {},
): FileLayout {
  refuseMetadata(metadata);
  const dict = new PickleMap("collections OrderedDict");
  const tensors = new Map<string, PickleRecord>();
  for (const [key, entry] of entries.entries()) {
    checkName(entry.name, tensors);
    tensors.set(entry.name, tensorRecord(entry, String(key)));
  }
  for (const [alias, owner] of aliases) {
    const record = tensors.get(owner);
    if (record === undefined)
      throw new Error(`internal: ${alias} is an alias of ${owner}, which is not written`);
    checkName(alias, tensors);
    tensors.set(alias, record);
  }
  for (const [name, record] of tensors) dict.set(name, record);
  const encode = (text: string): Uint8Array => new TextEncoder().encode(text);
  const zip = new ZipLayout();
  zip.put(`${folder}/data.pkl`, writePickle(dict));
  zip.put(`${folder}/.format_version`, encode("1"));
  zip.put(`${folder}/.storage_alignment`, encode("64"));
  zip.put(`${folder}/byteorder`, encode("little"));
  const names = new Map<PlannedMember, string>();
  const placed = entries.map(({ name, dtype, shape }, key) => {
    const member = zip.add(`${folder}/data/${key}`, byteLengthOf(dtype, shape));
    names.set(member, name);
    return { name, byteOffset: member.dataOffset, byteLength: member.byteLength };
  });
  zip.put(`${folder}/version`, encode("3\n"));
  return {
    byteLength: zip.byteLength,
    fixed: zip.fixed.filter(({ bytes }) => bytes.length > 0),
    tensors: placed,
    seal: (crcs) => zip.seal((member) => crcs.get(names.get(member) ?? "") ?? 0),
  };
}

/** What `torch._utils._rebuild_tensor_v2` is called with; v3 for types that have no storage class of their own. */
function tensorRecord({ name, dtype, shape }: Entry, key: string): PickleRecord {
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

function checkName(name: string, taken: ReadonlyMap<string, unknown>): void {
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
