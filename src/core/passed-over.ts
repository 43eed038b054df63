import type { Json, JsonRecord } from "./json-value.ts";

/** Sentences of one source that a report shows; `--json` has all of them. */
const sentencesShown = 6;

/**
 * What was read in the place of what, and why, one sentence each: an observation with the facts `read` (a folder) and
 * `reasons` (`<other>: <reason>`) was made where one of several checkpoints had to be chosen.
 */
export function passedOver(observations: readonly { readonly facts?: JsonRecord }[]): string[] {
  const sentences: string[] = [];
  for (const { facts = {} } of observations) {
    const { read, reasons } = facts;
    if (typeof read !== "string" || !Array.isArray(reasons)) continue;
    const all = reasons as readonly Json[];
    const where = read === "." ? "the directory itself" : read === "" ? "the source" : read;
    for (const reason of all.slice(0, sentencesShown))
      sentences.push(`${where} is read, not ${String(reason)}`);
    if (all.length > sentencesShown) sentences.push(`and ${all.length - sentencesShown} more are not read`);
  }
  return sentences;
}
