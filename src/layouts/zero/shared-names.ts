// Names that share a parameter: `shared_params`, alias → owner.
import { FormatError, type Tensor } from "../../core/index.ts";
import { AssembledTensor, wholeOf } from "../assembled-tensor.ts";
import type { ModelFile } from "./model-file.ts";

/**
 * Gives every name that shares a parameter its tensor, all with one `storage`. `exclude_frozen_parameters` goes by
 * `named_parameters()`, which lists a shared one once: the owner's weights are then those of an alias in `module`, or in stage 3,
 * where that is a placeholder, left out under both names.
 * @param found name → tensor; what is shared is added
 * @param missing placeholders without weights; those that were left out are taken from them
 * @param mayLackFrozen whether both names of a parameter may be left out
 * @throws FormatError TENON_ZERO_SHARED_NAMES
 */
export function addShared(
  { sharedNames, path }: ModelFile,
  found: Map<string, Tensor>,
  missing: Set<string>,
  mayLackFrozen: boolean,
): void {
  const owners = new Map([...sharedNames.keys()].map((alias) => [alias, ownerOf(alias, sharedNames, path)]));
  for (const [alias, owner] of owners) {
    const own = found.get(alias);
    if (own === undefined || found.has(owner)) continue;
    missing.delete(owner);
    found.set(owner, withStorage(own, `${own.id} as ${owner}`, owner));
  }
  for (const [alias, owner] of owners) {
    const tensor = found.get(owner);
    if (tensor === undefined && mayLackFrozen) missing.delete(alias);
    else if (tensor === undefined)
      throw shared(
        `say that ${JSON.stringify(alias)} is ${JSON.stringify(owner)}, which is not there`,
        [alias, owner],
        path,
      );
    else if (!found.has(alias)) {
      missing.delete(alias);
      found.set(owner, withStorage(tensor, tensor.id, tensor.name));
      found.set(alias, withStorage(tensor, `${tensor.id} as ${alias}`, alias));
    }
  }
}

/** The last of a chain of owners. */
function ownerOf(alias: string, sharedNames: ReadonlyMap<string, string>, path: string): string {
  const trail = [alias];
  for (let at = sharedNames.get(alias); at !== undefined; at = sharedNames.get(at)) {
    if (trail.includes(at))
      throw shared(`lead in a circle: ${[...trail, at].join(" → ")}`, [...trail, at], path);
    trail.push(at);
  }
  return trail.at(-1) as string;
}

function withStorage(tensor: Tensor, id: string, name: string): Tensor {
  const storage = tensor.storage ?? tensor.id;
  const { dtype, shape, file } = tensor;
  return new AssembledTensor({ id, name, dtype, shape, file, storage, slices: [wholeOf(tensor)] });
}

function shared(what: string, names: readonly string[], path: string): FormatError {
  return new FormatError("TENON_ZERO_SHARED_NAMES", `zero: shared_params ${what} (${path})`, {
    details: { names, path },
  });
}
