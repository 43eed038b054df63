import type { AdapterComponent, Checkpoint, DType, Observation, Tensor } from "../../core/index.ts";

/**
 * Tensors of one kind that differ in dtype: the low-rank factors of an adapter, and parameters of the base that only the
 * number of their layer tells apart. A model may well keep its norms in another dtype than its matrices.
 */
export function observeDtypes({ adapters, base }: Pick<Checkpoint, "adapters" | "base">): Observation[] {
  const found = [...adapters.values()].flatMap((adapter) => mixture(factorsOf(adapter), adapter.name));
  const kinds = new Map<string, Tensor[]>();
  for (const [name, tensor] of base?.tensors ?? []) {
    const kind = name.replace(/(?<=\.)\d+(?=\.)/g, "*");
    kinds.set(kind, [...(kinds.get(kind) ?? []), tensor]);
  }
  return [...found, ...[...kinds.values()].flatMap((tensors) => mixture(tensors))];
}

function factorsOf({ modules }: AdapterComponent): Tensor[] {
  return [...modules.values()]
    .flatMap(({ loraA, loraB, loraEmbeddingA, loraEmbeddingB }) => [
      loraA,
      loraB,
      loraEmbeddingA,
      loraEmbeddingB,
    ])
    .filter((tensor) => tensor !== undefined);
}

function mixture(tensors: readonly Tensor[], adapter?: string): Observation[] {
  const counts = new Map<DType, number>();
  for (const { dtype } of tensors) counts.set(dtype, (counts.get(dtype) ?? 0) + 1);
  if (counts.size < 2) return [];
  const [[commonest] = []] = [...counts].sort(([, a], [, b]) => b - a);
  const names = tensors.filter(({ dtype }) => dtype !== commonest).map(({ name }) => name);
  const dtypes = Object.fromEntries(counts);
  return [{ code: "TENON_DTYPE_MIXED", names, facts: { ...(adapter !== undefined && { adapter }), dtypes } }];
}
