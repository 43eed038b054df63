// What config.json of a transformers model says, wherever it says it: models with several towers keep it in `text_config`.
import { isJsonRecord, type Json, type JsonRecord, withFields } from "../core/index.ts";

type ModelField = "tie_word_embeddings" | "vocab_size";

/**
 * Whether config.json ties the embeddings. transformers leaves out values that equal its general default, which is
 * true, so a missing key means tied.
 */
export function tiesEmbeddings(config: JsonRecord): boolean {
  return fieldOf(config, "tie_word_embeddings") !== false;
}

/** How many rows the embeddings have; undefined where the config does not say. */
export function vocabularyOf(config: JsonRecord | undefined): number | undefined {
  const size = config && fieldOf(config, "vocab_size");
  return typeof size === "number" ? size : undefined;
}

/** A copy of a config with another value, put where the config has the field already, else at the top. */
export function withModelField(config: JsonRecord, field: ModelField, value: Json): JsonRecord {
  const text = config["text_config"];
  if (!Object.hasOwn(config, field) && isJsonRecord(text) && Object.hasOwn(text, field))
    return withFields(config, { text_config: withFields(text, { [field]: value }) });
  return withFields(config, { [field]: value });
}

function fieldOf(config: JsonRecord, field: ModelField): Json | undefined {
  const text = config["text_config"];
  return config[field] ?? (isJsonRecord(text) ? text[field] : undefined);
}
