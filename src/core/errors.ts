/** Facts about an error that a program may branch on; values are JSON-safe. */
export type ErrorDetails = Readonly<Record<string, unknown>>;

export interface ErrorExtras {
  readonly details?: ErrorDetails;
  /** One imperative sentence: what to do next. */
  readonly hint?: string;
  readonly cause?: unknown;
}

/**
 * The base of every error that tenon throws on purpose. `code` is stable and documented in
 * `docs/reference/errors.md`; the message is for people and may change. A message names, in this order, the
 * format or verb, the subject, what was found, what is allowed, and the path last.
 */
export abstract class TenonError extends Error {
  readonly code: string;
  readonly details: ErrorDetails;
  readonly hint: string | undefined;
  /** Exit code of the command line for this class of error (DESIGN section 6). */
  abstract readonly exitCode: 1 | 2 | 3 | 4 | 5 | 130;
  /** Recognises errors across two copies of the package in one program. */
  readonly isTenonError = true as const;

  constructor(code: string, message: string, extras: ErrorExtras = {}) {
    super(message, extras.cause === undefined ? undefined : { cause: extras.cause });
    this.name = new.target.name;
    this.code = code;
    this.details = extras.details ?? {};
    this.hint = extras.hint;
  }
}

/** The file is wrong, for good: never retry. */
export class FormatError extends TenonError {
  readonly exitCode = 3;
}

/** The file is fine; tenon cannot, or will not, handle this version, dtype, opcode or adapter type. */
export class UnsupportedError extends TenonError {
  readonly exitCode = 4;
}

/** The request cannot be met by this checkpoint. */
export class PlanError extends TenonError {
  readonly exitCode = 1;
}

/** Something is in the way: the output exists, a lock is held. */
export class ConflictError extends TenonError {
  readonly exitCode = 5;
}

/** Memory, disk, network or device trouble; may succeed when retried. */
export class ResourceError extends TenonError {
  readonly exitCode = 1;
}

/** The caller asked for something that no checkpoint could satisfy: a bad option or a missing argument. */
export class UsageError extends TenonError {
  readonly exitCode = 2;
}

/** The caller's AbortSignal fired, or the user pressed Ctrl-C. */
export class InterruptedError extends TenonError {
  readonly exitCode = 130;
}

/** True for errors of any copy of tenon. */
export function isTenonError(error: unknown): error is TenonError {
  return error instanceof Error && (error as { isTenonError?: unknown }).isTenonError === true;
}

export function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted)
    throw new InterruptedError("TENON_INTERRUPTED", "interrupted", { cause: signal.reason });
}
