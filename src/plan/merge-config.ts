import { embeddingNames, findTies, vocabularyOf, withModelField } from "../adapters/index.ts";
import { type JsonRecord, PlanError, type Recipe, type Tensor, withFields } from "../core/index.ts";
import type { FloatOutput, TieOutcome } from "./merge-input.ts";

interface Outcome {
  readonly before: ReadonlyMap<string, Tensor>;
  readonly after: ReadonlyMap<string, Recipe>;
  readonly ties: readonly TieOutcome[];
  readonly dtype: FloatOutput;
}

const torchNames = { BF16: "bfloat16", F16: "float16", F32: "float32" } as const;

/** config.json as it must be for the merged weights: the tie, the size of the vocabulary and the dtype follow them. */
export function mergedConfig(config: JsonRecord, outcome: Outcome): JsonRecord {
  const { before, after, ties, dtype } = outcome;
  let merged = config;
  if (ties.some(({ action }) => action === "untied") || isTieBroken(config, outcome))
    merged = withModelField(merged, "tie_word_embeddings", false);
  const rows = resizedVocabulary(config, before, after);
  if (rows !== undefined) merged = withModelField(merged, "vocab_size", rows);
  if (dtype === "keep") return merged;
  // transformers 5 writes `dtype`, earlier ones `torch_dtype`, and both read both.
  return withFields(merged, {
    [Object.hasOwn(config, "dtype") ? "dtype" : "torch_dtype"]: torchNames[dtype],
  });
}

/**
 * The config ties what the base stores twice, and one of the two was changed: transformers would then load the other one in
 * its place.
 */
function isTieBroken(config: JsonRecord, { before, after }: Outcome): boolean {
  const isTouched = (name: string): boolean => {
    const recipe = after.get(name);
    return recipe !== undefined && (recipe.steps.length > 0 || recipe.source !== before.get(name));
  };
  return findTies(before, config).storedTwice.some((pair) => pair.some(isTouched));
}

/** @throws PlanError TENON_EMBEDDING_RESIZED_IN_PART when input and output embedding would differ in their rows */
function resizedVocabulary(
  config: JsonRecord,
  before: ReadonlyMap<string, Tensor>,
  after: ReadonlyMap<string, Recipe>,
): number | undefined {
  const vocabulary = vocabularyOf(config);
  const sizes = new Map<number, string>();
  for (const [name, { shape }] of after) {
    const old = before.get(name)?.shape;
    // An untied alias was not stored before; it has the rows of its owner.
    if (shape.length === 2 && (old === undefined || old[0] === vocabulary) && !sizes.has(shape[0] as number))
      sizes.set(shape[0] as number, name);
  }
  const resized = [...sizes.keys()].filter((size) => size !== vocabulary);
  if (resized.length === 0) return undefined;
  const isEmbedding = (name: string): boolean => embeddingNames.has(name.split(".").at(-2) ?? "");
  const left = [...before].find(
    ([name, { shape }]) =>
      shape.length === 2 &&
      shape[0] === vocabulary &&
      isEmbedding(name) &&
      after.get(name)?.shape[0] === vocabulary,
  );
  if (resized.length === 1 && left === undefined) return resized[0];
  const found = [...sizes].map(([size, name]) => `${name} has ${size}`).join(", ");
  const message = `merge: the vocabulary of ${String(vocabulary)} was resized for some embeddings only: ${found}`;
  throw new PlanError("TENON_EMBEDDING_RESIZED_IN_PART", message, {
    details: { vocabulary: vocabulary ?? null, sizes: [...sizes.keys()] },
    hint: "Save both embeddings with the adapter: save_embedding_layers=True.",
  });
}
