import type { Random } from "./random.ts";

/** One parser under attack. */
export interface FuzzTarget {
  /** Also the name of its folder in `test/fuzz/corpus`. */
  readonly name: string;
  /** How many times as long as a parser's an input takes; a run without a time limit has as many fewer. Default 1. */
  readonly cost?: number;
  /** Gives the parser an input. Must return, or throw an error of tenon's; anything else is a failure. */
  run(input: Uint8Array): unknown;
  /** Sound inputs to start from, beside those in the corpus. */
  seeds(): readonly Uint8Array[];
  /** Makes an input that is sound in most of its parts, so that the rest gets past the first checks. */
  generate(random: Random): Uint8Array;
}
