import { readDocument, type SourceTree } from "../bytes/index.ts";
import { FormatError, type JsonRecord, parseJsonRecord } from "../core/index.ts";
import { configBytesLimit } from "./limits.ts";

export interface JsonDocumentOptions {
  readonly limitBytes?: number;
  /** Trainer logs hold NaN and Infinity, which strict JSON has no word for. */
  readonly allowNonFinite?: boolean;
}

/** Reads a JSON object of the source. @throws FormatError TENON_DOCUMENT_NOT_UTF8, TENON_DOCUMENT_TOO_LARGE, TENON_JSON_… */
export async function readJsonDocument(
  tree: SourceTree,
  path: string,
  options: JsonDocumentOptions = {},
): Promise<JsonRecord> {
  const bytes = await readDocument(tree, path, options.limitBytes ?? configBytesLimit);
  const json = { file: path, ...(options.allowNonFinite && { allowNonFinite: true }) };
  return parseJsonRecord(textOf(bytes, path), json);
}

/** Decodes UTF-8; a byte order mark is dropped. @throws FormatError TENON_DOCUMENT_NOT_UTF8 */
export function textOf(bytes: Uint8Array, path: string): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (cause) {
    throw new FormatError("TENON_DOCUMENT_NOT_UTF8", `json: the bytes are not UTF-8 text (${path})`, {
      details: { path },
      cause,
    });
  }
}

/** As {@link readJsonDocument}, or undefined when there is no such file. */
export async function findJsonDocument(
  tree: SourceTree,
  path: string,
  options: JsonDocumentOptions = {},
): Promise<JsonRecord | undefined> {
  return (await tree.find(path)) === undefined ? undefined : readJsonDocument(tree, path, options);
}
