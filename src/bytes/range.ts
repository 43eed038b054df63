import { FormatError } from "../core/index.ts";

/**
 * Checks that `byteOffset … byteOffset + byteCount` lies inside a file before anything is read.
 * @throws FormatError TENON_BYTES_PAST_END
 */
export function checkRange(
  file: { readonly path: string; readonly byteLength: number },
  byteOffset: number,
  byteCount: number,
): void {
  if (!Number.isSafeInteger(byteOffset) || byteOffset < 0) {
    throw new Error(`internal: ${byteOffset} is not a byte offset`);
  }
  if (byteOffset + byteCount > file.byteLength)
    throw pastEnd(file.path, byteOffset, byteCount, file.byteLength);
}

/** The error for bytes that a file does not have. `byteLength` is the size it was found to have. */
export function pastEnd(
  path: string,
  byteOffset: number,
  byteCount: number,
  byteLength: number,
): FormatError {
  const message = `bytes ${byteOffset} to ${byteOffset + byteCount} are wanted, the file has ${byteLength} (${path})`;
  return new FormatError("TENON_BYTES_PAST_END", message, {
    details: { path, byteOffset, byteCount, byteLength },
    hint: "The file is shorter than its own index says: copy or download it again.",
  });
}
