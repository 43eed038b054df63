import type { OnProgress } from "../core/index.ts";
import type { OptionValues } from "./options.ts";
import type { Sections } from "./sections.ts";

/** One call of a verb, parsed. */
export interface Call {
  readonly arguments: readonly string[];
  readonly options: OptionValues;
  readonly signal: AbortSignal;
  readonly onProgress: OnProgress;
  /** Shows a person the first part of the report, before the verb goes on; the text at the end does not repeat it. */
  readonly onPreview: (text: Sections) => void;
}

/** What a verb found or did. */
export interface Answer {
  /** Plain data: what `--json` prints. */
  readonly report: object;
  /** The same for a person. */
  readonly text: Sections;
  /** 1 where the report itself is bad news: findings, failed checks. */
  readonly exitCode: 0 | 1;
}

/** Runs one verb: options of the command line in, report out. It never prints. */
export type Command = (call: Call) => Promise<Answer>;
