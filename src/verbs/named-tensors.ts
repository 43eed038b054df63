import { canonicalName } from "../adapters/index.ts";
import type { AdapterComponent, Checkpoint, NameMeaning, Tensor } from "../core/index.ts";

/** Where a tensor of a checkpoint belongs. */
export interface NamedTensor {
  /** `base`, or the adapter's name after `adapter:`. */
  readonly component: string;
  /** Canonical name; an adapter's tensors bear the adapter's name before a colon. */
  readonly name: string;
  readonly meaning: NameMeaning;
  readonly tensor: Tensor;
}

/**
 * Every stored tensor of base and adapters by canonical name. Optimizer state has no names of its own and is not here.
 * @param rename what adapters are to be called, where not by their own name
 */
export function namedTensors(
  { entries, base, adapters }: Pick<Checkpoint, "entries" | "base" | "adapters">,
  rename: ReadonlyMap<string, string> = new Map(),
): ReadonlyMap<string, NamedTensor> {
  const named = new Map<string, NamedTensor>();
  const inAdapters = new Set<string>();
  for (const adapter of adapters.values()) {
    for (const each of adapterTensors(adapter, rename.get(adapter.name) ?? adapter.name)) {
      inAdapters.add(each.tensor.id);
      if (!named.has(each.name)) named.set(each.name, each);
    }
  }
  for (const { tensor: stored, meaning } of entries) {
    if (inAdapters.has(stored.id)) continue;
    const name = canonicalName(meaning);
    if (!named.has(name))
      named.set(name, { component: "base", name, meaning, tensor: base?.tensors.get(name) ?? stored });
  }
  return named;
}

function adapterTensors({ entries }: AdapterComponent, adapter: string): NamedTensor[] {
  return entries.map(({ tensor, meaning }) => {
    const name = canonicalName({ ...meaning, adapter });
    // A base parameter that an adapter carries is not the base's own.
    const isQualified = name.startsWith(`${adapter}:`);
    return {
      component: `adapter:${adapter}`,
      name: isQualified ? name : `${adapter}:${name}`,
      meaning,
      tensor,
    };
  });
}
