import { canonicalName, readNames } from "../adapters/index.ts";
import type { Entry } from "../core/index.ts";

export interface CanonicalNameOptions {
  /** What the names of the checkpoint's tensors turned out to mean. */
  readonly entries: readonly Entry[];
  readonly knownBaseNames?: ReadonlySet<string> | undefined;
}

/**
 * Canonical names of parameters that are called as in the live model, such as the keys of an optimizer's state. A name that
 * a stored tensor has means what that tensor is; the others are read together with all of them.
 */
export function canonicalNames(
  stored: readonly string[],
  { entries, knownBaseNames }: CanonicalNameOptions,
): ReadonlyMap<string, string> {
  const known = new Map(entries.map(({ tensor, meaning }) => [tensor.name, meaning]));
  const all = [...new Set([...known.keys(), ...stored])];
  const context = { kind: "model" as const, ...(knownBaseNames && { knownBaseNames }) };
  const { meanings } = stored.every((name) => known.has(name))
    ? { meanings: known }
    : readNames(all, context);
  const names = new Map<string, string>();
  for (const name of stored) {
    const meaning = known.get(name) ?? meanings.get(name);
    names.set(name, meaning === undefined ? name : canonicalName(meaning));
  }
  return names;
}
