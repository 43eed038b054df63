import type { Checkpoint } from "../core/index.ts";
import type { Host, Source } from "./host.ts";
import { openSource } from "./open.ts";
import type { ReadOptions } from "./options.ts";

/** The verbs, bound to the place they run in. */
export interface Tenon {
  /**
   * Opens whatever was saved, from metadata alone; tensors are read when they are asked for. The caller closes it.
   * @throws UsageError TENON_SOURCE_NOT_FOUND, TENON_LAYOUT_AMBIGUOUS; UnsupportedError TENON_LAYOUT_UNKNOWN; FormatError
   *   for damaged files
   */
  open(source: Source, options?: ReadOptions): Promise<Checkpoint>;
}

/** @see Tenon */
export function tenonOn(host: Host): Tenon {
  return {
    open: (source, options) => openSource(host, source, options),
  };
}
