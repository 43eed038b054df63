import { isTenonError } from "../core/index.ts";

/** How an error leaves the program. */
export interface PrintedError {
  readonly exitCode: number;
  /** For stderr, without a newline at the end. */
  readonly text: string;
  /** For `--json`. */
  readonly report: object;
}

/** What to print for anything thrown. Whatever is not a TenonError is our own mistake and says so. */
export function printedError(error: unknown, isDebugging: boolean): PrintedError {
  const stack = isDebugging && error instanceof Error ? `\n${stackOf(error)}` : "";
  if (isTenonError(error)) {
    const { code, message, details, hint, exitCode } = error;
    return {
      exitCode,
      text: `error ${code}: ${inLines(message)}${hint === undefined ? "" : `\nhint: ${hint}`}${stack}`,
      report: { error: { code, message, details, hint: hint ?? null } },
    };
  }
  const message = error instanceof Error ? error.message : String(error);
  const hint = "this is a bug in tenon; TENON_DEBUG=1 shows where it happened.";
  return {
    exitCode: 1,
    text: `error: ${message}\nhint: ${hint}${stack}`,
    report: { error: { code: null, message, details: {}, hint } },
  };
}

/** Alternatives that a message lists side by side, each on a line of its own. */
function inLines(message: string): string {
  if (message.length < 200) return message;
  return message.split(" | ").reduce((lines, each) => `${lines}\n  ${each}`);
}

function stackOf(error: Error): string {
  const { stack = String(error), cause } = error;
  return cause instanceof Error ? `${stack}\ncaused by: ${stackOf(cause)}` : stack;
}
