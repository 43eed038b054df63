import type { JsonRecord } from "./json-value.ts";

export type Severity = "error" | "warning" | "note";

/** One thing that is wrong with, or worth knowing about, a checkpoint. */
export interface Finding {
  /** Stable: `TENON_…`; listed in docs/reference/findings.md. */
  readonly code: string;
  readonly severity: Severity;
  /** The cause in one sentence. */
  readonly cause: string;
  /** Names that prove it (at most 10) and how many there are in all. */
  readonly evidence: {
    readonly names: readonly string[];
    readonly count: number;
    readonly facts?: JsonRecord;
  };
  /** A command, or a sentence where no command can help. */
  readonly remedy: string;
  /** Whether `doctor --fix` repairs it without guessing. */
  readonly fixable: boolean;
}
