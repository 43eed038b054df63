// Compares the logits of merged weights with those that PEFT's live model gave.
import { readFileSync } from "node:fs";
import { llamaLogits } from "./llama.ts";

/**
 * How far two logits may be apart and still agree. PEFT computed in f32, this is f64. Over the 45 merges of
 * test/fixtures whose model is a plain Llama they are at most 4.3e-7 apart; a lost base moves them by 0.3.
 */
export const tolerance = 2e-6;

/** What a fixture recorded; values are exact. */
interface Recorded {
  readonly input_ids: readonly (readonly number[])[];
  readonly logits: readonly number[];
}

/** The largest difference of two logits: of the weights in a directory, and as recorded in a file by PEFT. */
export function apart(directory: string, recordedPath: string): number {
  const { input_ids, logits } = JSON.parse(readFileSync(recordedPath, "utf8")) as Recorded;
  const ours = input_ids.flatMap((tokens) => [...llamaLogits(directory, tokens)]);
  if (ours.length !== logits.length) throw new Error(`${ours.length} logits, ${logits.length} were recorded`);
  // NaN must not pass for agreement, as it would in a comparison with the largest so far.
  return ours.reduce((largest, value, at) => {
    const difference = Math.abs(value - (logits[at] ?? Number.NaN));
    return difference <= largest ? largest : Number.isNaN(difference) ? Number.POSITIVE_INFINITY : difference;
  }, 0);
}
