import type { ByteSource } from "../bytes/index.ts";
import { FormatError, UnsupportedError } from "../core/index.ts";
import type { Format, OpenFileOptions, TensorFile } from "./format.ts";

/** What `Format.sniff` is promised at most. */
const headBytes = 512;

/** What git checks out in the place of a large file when git-lfs is not installed. */
const lfsPointer = "version https://git-lfs.github.com/spec/";

/**
 * Finds the one format of `formats` that claims a file.
 * @throws UnsupportedError TENON_FORMAT_UNKNOWN, TENON_FORMAT_AMBIGUOUS, both with each format's verdict;
 * FormatError TENON_FORMAT_LFS_POINTER
 */
export async function sniffFormat(
  source: ByteSource,
  formats: readonly Format[],
  signal?: AbortSignal,
): Promise<Format> {
  const head = new Uint8Array(Math.min(source.byteLength, headBytes));
  await source.read(0, head, signal);
  const text = String.fromCharCode(...head.subarray(0, lfsPointer.length));
  if (text === lfsPointer) {
    throw new FormatError(
      "TENON_FORMAT_LFS_POINTER",
      `a git-lfs pointer, not the file itself (${source.path})`,
      {
        details: { path: source.path },
        hint: "Run: git lfs pull",
      },
    );
  }
  const verdicts = formats.map((format) => ({ format, isMatch: format.sniff(head, source.path) }));
  const matches = verdicts.filter(({ isMatch }) => isMatch);
  const only = matches.length === 1 ? matches[0] : undefined;
  if (only !== undefined) return only.format;
  const evidence = verdicts.map(({ format, isMatch }) => `${format.name}: ${isMatch ? "yes" : "no"}`);
  const [code, what] =
    matches.length === 0
      ? (["TENON_FORMAT_UNKNOWN", "no format matches"] as const)
      : (["TENON_FORMAT_AMBIGUOUS", "several formats match"] as const);
  const message = `format: ${what} a file of ${source.byteLength} bytes that begins with ${hex(head)}; ${evidence.join(", ")} (${source.path})`;
  throw new UnsupportedError(code, message, { details: { path: source.path, evidence } });
}

function hex(head: Uint8Array): string {
  const bytes = [...head.subarray(0, 16)].map((byte) => byte.toString(16).padStart(2, "0"));
  return bytes.length === 0 ? "nothing" : bytes.join(" ");
}

/** Opens a file by whichever format claims it; reads its header only. @throws as {@link sniffFormat}, and as the format */
export async function openTensorFile(
  source: ByteSource,
  formats: readonly Format[],
  options?: OpenFileOptions,
): Promise<TensorFile> {
  const format = await sniffFormat(source, formats, options?.signal);
  return format.open(source, options);
}
