// What `verify` says: plain data, and how failures are collected.
import { isTenonError, type JsonRecord, type Observation } from "../core/index.ts";

/**
 * - `structure`: headers, index and manifest fit the files that are there
 * - `read`: every tensor can be read to its end
 * - `files`: every other file can be
 * - `crc32`: members of torch's zip archives have the checksums that torch wrote
 * - `manifest`: files have the SHA-256 that tenon.json says
 * - `certificate-tensors`: tensors are those of certificate.json: names, files, dtypes, shapes, digests, proofs
 * - `certificate-files`: files have the sizes and SHA-256 that certificate.json says
 * - `reference`: tensors of the base that a partial one stands on have the digests that were recorded
 */
export const verifyChecks = [
  "structure",
  "read",
  "files",
  "crc32",
  "manifest",
  "certificate-tensors",
  "certificate-files",
  "reference",
] as const;

export type VerifyCheck = (typeof verifyChecks)[number];

export interface VerifyFailure {
  readonly check: VerifyCheck;
  /** Relative to the source; null where it is not one file's. */
  readonly file: string | null;
  /** As it is stored; null where it is not one tensor's. */
  readonly tensor: string | null;
  /** Tensor, what was found, what was expected, and the file last. */
  readonly message: string;
  /** Code of the error that reading met, if it met one. */
  readonly code: string | null;
}

export interface VerifyReport {
  readonly location: string;
  readonly layout: string;
  /** No check failed. */
  readonly isSound: boolean;
  /**
   * There was something to compare with: checksums, a manifest or a certificate. False: that all bytes could be read is all
   * that is known.
   */
  readonly isCompared: boolean;
  readonly tensors: number;
  readonly files: number;
  /** Size of all files; all of it was read, but for what the failures name. */
  readonly bytes: number;
  /** Each check that was made, with how many things it looked at: tensors, files or members. */
  readonly checks: readonly {
    readonly check: VerifyCheck;
    readonly count: number;
    readonly failed: number;
  }[];
  readonly failures: readonly VerifyFailure[];
  /** The base that a partial one stands on, and whether it could be looked at; null where there is none. */
  readonly reference: { readonly location: string; readonly isFollowed: boolean } | null;
  /** Tensors with NaN or infinity. That alone is no failure: bits are what was saved. */
  readonly nonFinite: readonly {
    readonly name: string;
    readonly file: string;
    readonly nan: number;
    readonly infinite: number;
  }[];
}

interface Where {
  readonly file?: string;
  readonly tensor?: string;
  readonly code?: string;
}

/** Counts what was looked at and keeps what failed. */
export class Verification {
  readonly failures: VerifyFailure[] = [];
  readonly #counts = new Map<VerifyCheck, number>();
  readonly #damages = new Set<string>();

  looked(check: VerifyCheck, count = 1): void {
    this.#counts.set(check, (this.#counts.get(check) ?? 0) + count);
  }

  /** @param found what was found, and what was expected */
  fail(check: VerifyCheck, found: string, where: Where = {}): void {
    const { file, tensor } = where;
    const message = `${tensor === undefined ? "" : `"${tensor}": `}${found}${file === undefined ? "" : ` (${file})`}`;
    this.#add(check, message, where);
  }

  /** @throws the error itself, unless it says that bytes cannot be had or are not what they should be */
  failBy(check: VerifyCheck, error: unknown, where: Where): void {
    if (!isReadFailure(error)) throw error;
    const { message, code } = error;
    this.#add(check, where.tensor === undefined ? message : `"${where.tensor}": ${message}`, {
      ...where,
      code,
    });
  }

  /** Damage that opening stepped over. What is about a file is one failure, what is about tensors one for each. */
  damage({ code, names, facts = {} }: Observation): void {
    const { path, file } = facts;
    const where = [path, file].find((fact) => typeof fact === "string");
    if (typeof where === "string") {
      this.#damaged(code, facts, names, { file: where });
      return;
    }
    for (const name of names)
      this.#damaged(code, facts, [name], isAboutFiles(code) ? { file: name } : { tensor: name });
  }

  #damaged(
    code: string,
    { message, expected, actual }: JsonRecord,
    names: readonly string[],
    where: Where,
  ): void {
    const counted =
      typeof actual === "number" && typeof expected === "number"
        ? `${actual} bytes of tensors where the header says ${expected} (${where.file})`
        : `${code}: ${names.slice(0, 3).join(", ")}`;
    const text = typeof message === "string" ? message : counted;
    // A pickle is walked more than once, and complains each time.
    const key = JSON.stringify([text, where]);
    if (!this.#damages.has(key)) this.#add("structure", text, { ...where, code });
    this.#damages.add(key);
  }

  #add(check: VerifyCheck, message: string, { file, tensor, code }: Where): void {
    this.failures.push({ check, file: file ?? null, tensor: tensor ?? null, message, code: code ?? null });
  }

  get checks(): VerifyReport["checks"] {
    return verifyChecks.flatMap((check) => {
      const failed = this.failures.reduce((sum, failure) => sum + Number(failure.check === check), 0);
      const count = this.#counts.get(check);
      return count === undefined && failed === 0 ? [] : [{ check, count: count ?? 0, failed }];
    });
  }
}

/** Errors that are about the checkpoint's bytes, not about memory, options or an abort. */
export function isReadFailure(error: unknown): error is Error & { readonly code: string } {
  if (!isTenonError(error)) return false;
  return error.name === "FormatError" || error.code.startsWith("TENON_BYTES_");
}

/** Codes whose names are files. */
function isAboutFiles(code: string): boolean {
  return code === "TENON_SHARD_MISSING" || code.startsWith("TENON_MANIFEST_");
}
