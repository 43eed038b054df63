import { FormatError } from "../core/index.ts";
import type { SourceTree } from "./source.ts";

/** 256 MiB: the largest tokenizer.json seen in the wild is near 35 MB; an index.json of a 405B model is 100 kB. */
export const documentBytesLimit: number = 256 * 1024 * 1024;

/** Reads a small file whole. @throws FormatError TENON_DOCUMENT_TOO_LARGE above `limit` bytes. */
export async function readDocument(
  tree: SourceTree,
  path: string,
  limit: number = documentBytesLimit,
): Promise<Uint8Array> {
  const source = await tree.open(path);
  try {
    if (source.byteLength > limit) {
      const message = `${path} has ${source.byteLength} bytes; at most ${limit} are read as one document`;
      throw new FormatError("TENON_DOCUMENT_TOO_LARGE", message, {
        details: { path, byteLength: source.byteLength },
      });
    }
    const bytes = new Uint8Array(source.byteLength);
    await source.read(0, bytes);
    return bytes;
  } finally {
    await source.close();
  }
}
