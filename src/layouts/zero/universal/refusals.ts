import { FormatError, type JsonRecord } from "../../../core/index.ts";

/** @param path shown last, where there is one */
export function refusal(
  code: `TENON_UNIVERSAL_${string}`,
  what: string,
  path: string,
  details: JsonRecord = {},
  hint?: string,
): FormatError {
  return new FormatError(code, `universal: ${what} (${path})`, {
    details: { ...details, path },
    ...(hint !== undefined && { hint }),
  });
}
