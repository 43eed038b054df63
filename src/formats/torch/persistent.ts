import { FormatError, UnsupportedError } from "../../core/index.ts";
import {
  describe,
  type PersistentLoad,
  PickleGlobal,
  PickleTuple,
  type PickleValue,
} from "../../pickle/index.ts";
import { isCount, type StorageData, TorchStorage } from "./storage.ts";
import { type ElementType, storageTypes } from "./wire.ts";

/** What a persistent id says about a storage. */
export interface StorageClaim {
  readonly key: string;
  readonly byteLength: number;
  readonly elementBytes: number;
  /** Device it was saved from; only `meta` matters, which has no bytes. */
  readonly location: string;
}

/** Finds or makes the storage of a key. */
export type StorageFinder = (claim: StorageClaim) => StorageData;

/**
 * Reads persistent ids: `('storage', type, key, location, numel)`, in legacy files with a sixth item, None or
 * `(view key, offset, numel)` for a storage that is part of another.
 */
export function persistentLoader(find: StorageFinder, path: string, length: 5 | 6): PersistentLoad {
  const firstUse = new Map<string, { readonly type: ElementType | "untyped"; readonly numel: number }>();
  const bad = (position: number, complaint: string): never => {
    const message = `torch: persistent id at byte ${position} of the pickle ${complaint} (${path})`;
    throw new FormatError("TENON_TORCH_PERSISTENT_ID", message, { details: { position, path } });
  };
  return (id, position): PickleValue => {
    const [tag, storageClass, key, location, numel, view] = id instanceof PickleTuple ? id : [];
    if (tag === "module") {
      const message = `torch: the file holds a whole pickled module with its source code; save its state dict instead (${path})`;
      throw new UnsupportedError("TENON_TORCH_MODULE_SOURCE", message, { details: { path } });
    }
    if (tag !== "storage" || (id as PickleTuple).length !== length)
      return bad(position, `is ${describe(id)} that names no storage`);
    if (!(storageClass instanceof PickleGlobal))
      return bad(position, `has ${describe(storageClass)} as its storage type`);
    const type = storageTypes.get(storageClass.global);
    if (type === undefined) {
      const message = `torch: storage type ${storageClass.global} is not known (${path})`;
      throw new UnsupportedError("TENON_TORCH_STORAGE_TYPE", message, {
        details: { global: storageClass.global, path },
      });
    }
    if (typeof key !== "string") return bad(position, `has ${describe(key)} as its key`);
    if (typeof location !== "string") return bad(position, `has ${describe(location)} as its location`);
    const elementBytes = type === "untyped" ? 1 : type.bytes;
    if (!isCount(numel) || !Number.isSafeInteger(numel * elementBytes))
      return bad(position, `counts ${describe(numel)} ${String(numel)} elements`);
    const first = firstUse.get(key);
    if (first !== undefined && (first.type !== type || first.numel !== numel))
      return bad(
        position,
        `reads storage ${key} as ${named(type, numel)} and as ${named(first.type, first.numel)}`,
      );
    firstUse.set(key, { type, numel });
    const data = find({ key, byteLength: numel * elementBytes, elementBytes, location });
    const element = type === "untyped" ? undefined : type;
    if (view === undefined || view === null) return new TorchStorage(data, element, 0, data.byteLength);
    const [, offset, viewNumel] = view instanceof PickleTuple ? view : [];
    if (!isCount(offset) || !isCount(viewNumel) || offset + viewNumel > numel)
      return bad(position, `has a view outside of its storage of ${numel} elements`);
    return new TorchStorage(data, element, offset * elementBytes, viewNumel * elementBytes);
  };
}

function named(type: ElementType | "untyped", numel: number): string {
  return `${numel} × ${type === "untyped" ? "bytes" : `torch.${type.name}`}`;
}
