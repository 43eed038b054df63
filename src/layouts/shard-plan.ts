import { byteLengthOf, type DraftBase, elementCount, type Recipe } from "../core/index.ts";
import { defaultShardBytes } from "./limits.ts";

export interface Shard {
  readonly names: readonly string[];
}

/**
 * Divides a model's tensors among files.
 *
 * With `maxShardBytes`, or when the source's sharding is not known: in the order given, a file is full before the tensor
 * that would overflow it, and a tensor that is too large for any file gets its own (huggingface_hub
 * `split_state_dict_into_shards_factory`). Else as the source had it; tensors that it did not have go to its last file.
 */
export function planShards(base: DraftBase, maxShardBytes: number | undefined): readonly Shard[] {
  if (maxShardBytes === undefined && base.shards !== undefined && base.shards.size > 0) {
    return keptShards(base.tensors, base.shards);
  }
  return fullShards(base.tensors, maxShardBytes ?? defaultShardBytes);
}

function keptShards(
  tensors: ReadonlyMap<string, Recipe>,
  shards: ReadonlyMap<string, readonly string[]>,
): readonly Shard[] {
  const placed = new Set<string>();
  const kept: string[][] = [];
  for (const [, names] of [...shards].sort(([a], [b]) => (a < b ? -1 : 1))) {
    const own = names.filter((name) => tensors.has(name) && !placed.has(name));
    for (const name of own) placed.add(name);
    if (own.length > 0) kept.push(own);
  }
  const left = [...tensors.keys()].filter((name) => !placed.has(name));
  if (left.length > 0) kept.splice(-1, 1, [...(kept.at(-1) ?? []), ...left]);
  return kept.map((names) => ({ names }));
}

function fullShards(tensors: ReadonlyMap<string, Recipe>, maxShardBytes: number): readonly Shard[] {
  const shards: Shard[] = [];
  let names: string[] = [];
  let usedBytes = 0;
  for (const [name, recipe] of tensors) {
    const bytes = recipeBytes(recipe);
    if (bytes > maxShardBytes) {
      shards.push({ names: [name] });
      continue;
    }
    if (usedBytes + bytes > maxShardBytes) {
      shards.push({ names });
      names = [];
      usedBytes = 0;
    }
    names.push(name);
    usedBytes += bytes;
  }
  if (names.length > 0) shards.push({ names });
  return shards;
}

export function recipeBytes(recipe: Recipe): number {
  return byteLengthOf(recipe.dtype, recipe.shape);
}

export function recipeElements(recipe: Recipe): number {
  return elementCount(recipe.shape);
}
