import type { FileEntry } from "../core/index.ts";

// What a model directory holds besides weights and config.json, and what a copy of the model cannot do without.
// README.md is not among them: it describes the source, and its front matter would be untrue of what is written.
const companionNames: readonly RegExp[] = [
  /^tokenizer[^/]*\.(json|model|jinja|txt)$/,
  /^vocab[^/]*\.(json|txt)$/,
  /^merges[^/]*\.txt$/,
  /^(spiece|sentencepiece[^/]*|[^/]+)\.(model|tiktoken|vocab|bpe)$/,
  /^(special_tokens_map|added_tokens|generation_config)\.json$/,
  /^chat_template[^/]*\.(json|jinja)$/,
  /^additional_chat_templates\/[^/]+\.jinja$/,
  /^[a-z_]*(preprocessor|processor)_config\.json$/,
  /^(LICEN[CS]E|NOTICE|USE_POLICY|COPYING)[^/]*$/i,
  // Code of models that transformers does not ship; config.json's auto_map names it. It is copied, never run.
  /^(configuration|modeling|tokenization|processing|image_processing|feature_extraction)_[^/]+\.py$/,
];

/** Whether a file of a model directory is to be copied along with the model. */
function isCompanion(path: string): boolean {
  return companionNames.some((pattern) => pattern.test(path));
}

/**
 * The companions among the files of a source.
 * @param directory the model's own directory inside the source; "" for the source itself
 */
export function companionsOf(files: readonly FileEntry[], directory = ""): readonly FileEntry[] {
  const prefix = directory === "" ? "" : `${directory}/`;
  return files.filter(({ path }) => path.startsWith(prefix) && isCompanion(path.slice(prefix.length)));
}
