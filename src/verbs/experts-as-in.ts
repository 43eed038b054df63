import { asStoredInBase, canonicalName, liveNames } from "../adapters/index.ts";
import type { Checkpoint, Entry, Tensor } from "../core/index.ts";
import { sliceOf } from "../layouts/index.ts";

type Read = Omit<Checkpoint, "readDocument" | "close" | keyof AsyncDisposable>;

/** A checkpoint whose fused experts are read as the single ones that another one stores. Its files stay the first one's. */
export function expertsAsIn(checkpoint: Read, { base: other }: Pick<Checkpoint, "base">): Read {
  const { base } = checkpoint;
  const live = liveNames(new Set(other?.tensors.keys()));
  if (base === undefined || live.size === 0) return checkpoint;
  const own = new Map([...base.tensors].map(([name, tensor]) => [tensor.id, name]));
  const tensors = new Map<string, Tensor>(base.tensors);
  const read = (entry: Entry): readonly Entry[] => {
    const name = own.get(entry.tensor.id);
    if (name === undefined) return [entry];
    const parts = asStoredInBase(entry, live, sliceOf);
    if (parts.length === 1 && parts[0] === entry) return parts;
    tensors.delete(name);
    for (const { tensor, meaning } of parts) tensors.set(canonicalName(meaning), tensor);
    return parts;
  };
  const entries = checkpoint.entries.flatMap(read);
  return { ...checkpoint, entries, base: { ...base, tensors } };
}
