import type { Severity } from "../core/index.ts";

/** What the doctor knows about one code. */
export interface FindingKind {
  /**
   * - `error`: the source cannot be used, or stock PEFT or transformers would use other weights than were trained
   * - `warning`: it can be used, and somebody should look
   * - `note`: worth knowing
   */
  readonly severity: Severity;
  /** One sentence. */
  readonly cause: string;
  /**
   * A command if it begins with `tenon `, else a sentence. SRC, BASE and OUT stand for the source, the base that was given
   * and a path beside the source; other words in capitals are for the reader to fill in.
   */
  readonly remedy: string;
  /** Whether `tenon doctor SRC --fix -o OUT` repairs it without guessing. */
  readonly fixable: boolean;
  /** Which damaged shape of docs/formats/peft.md it is (`D1`), or what shows it. */
  readonly detects: string;
}
