import {
  type BaseComponent,
  isJsonRecord,
  type Json,
  type JsonRecord,
  type Observation,
  withFields,
} from "../../core/index.ts";

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
  if (isBroken) repaired = withField(repaired, "tie_word_embeddings", false);
  if (typeof rows === "number") repaired = withField(repaired, "vocab_size", rows);
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

/** Models with several towers keep it in `text_config`. */
function withField(config: JsonRecord, field: string, value: Json): JsonRecord {
  const text = config["text_config"];
  if (!Object.hasOwn(config, field) && isJsonRecord(text) && Object.hasOwn(text, field))
    return withFields(config, { text_config: withFields(text, { [field]: value }) });
  return withFields(config, { [field]: value });
}
