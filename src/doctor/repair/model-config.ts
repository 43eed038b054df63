import { withModelField } from "../../adapters/index.ts";
import type { BaseComponent, JsonRecord, Observation } from "../../core/index.ts";

/**
 * A model's config with what its tensors prove: the rows of embeddings, and that embeddings which differ are not tied.
 * Undefined when there is nothing to change.
 */
export function repairedModelConfig(
  { config }: BaseComponent,
  observations: readonly Observation[],
): JsonRecord | undefined {
  if (config === undefined) return undefined;
  const rows = resizedRows(observations);
  const isBroken = observations.some(({ code }) => code === "TENON_TIE_BROKEN");
  let repaired = config;
  if (isBroken) repaired = withModelField(repaired, "tie_word_embeddings", false);
  if (typeof rows === "number") repaired = withModelField(repaired, "vocab_size", rows);
  return repaired === config ? undefined : repaired;
}

/** The one number of rows that resized embeddings have; `"several"` where they differ among themselves. */
export function resizedRows(observations: readonly Observation[]): number | "several" | undefined {
  const rows = new Set(
    observations.filter(({ code }) => code === "TENON_EMBEDDING_RESIZED").map(({ facts }) => facts?.["rows"]),
  );
  const [first] = rows;
  if (rows.size > 1) return "several";
  return typeof first === "number" ? first : undefined;
}
