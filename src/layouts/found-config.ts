import type { JsonRecord } from "../core/index.ts";

/** An adapter's config and where it came from. */
export interface FoundConfig {
  readonly config: JsonRecord;
  readonly from: string;
}
