import { FormatError, UnsupportedError } from "../../core/index.ts";

/** Where a pattern stands, for messages. */
export interface PatternOrigin {
  /** The field of the config: `target_modules`, `rank_pattern`. */
  readonly field: string;
  /** The config's file. */
  readonly from: string;
}

/** The pattern as shown in a message; long ones are cut. */
function shown(pattern: string): string {
  return JSON.stringify(pattern.length > 200 ? `${pattern.slice(0, 200)}…` : pattern);
}

/** A pattern that Python runs and a linear-time engine cannot. */
export function unsupported(
  pattern: string,
  construct: string,
  { field, from }: PatternOrigin,
): UnsupportedError {
  const message = `peft: ${field} uses ${construct} in ${shown(pattern)}, which no linear-time engine can run (${from})`;
  return new UnsupportedError("TENON_PATTERN_UNSUPPORTED", message, {
    details: { field, construct, pattern: pattern.slice(0, 1000), from },
    hint: "Write the module names as a list in the config, or the pattern without that construct.",
  });
}

/** A pattern that Python itself refuses. */
export function invalid(pattern: string, why: string, { field, from }: PatternOrigin): FormatError {
  const message = `peft: ${field} holds ${shown(pattern)}, which is no Python pattern: ${why} (${from})`;
  return new FormatError("TENON_PATTERN_INVALID", message, {
    details: { field, why, pattern: pattern.slice(0, 1000), from },
  });
}
