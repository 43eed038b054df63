import type { ByteSource, SinkTree, SourceTree } from "../bytes/index.ts";
import { UnsupportedError, UsageError } from "../core/index.ts";
import type { Host } from "./host.ts";
import { wholeDigestBytesLimit } from "./limits.ts";

/**
 * A page: no paths, no worker threads, SHA-256 by WebCrypto. Everything that it needs is also in Node, Deno and Bun.
 * Sources are a File, a FileList, a Blob, a URL or a tree; outputs are a sink, such as `memorySink()`.
 */
export function browserHost(): Host {
  return { openTree, openSink, threads: 1, sha256 };
}

/** The code is that of a path where nothing is: a base that a checkpoint names by path cannot be followed from a page. */
async function openTree(path: string): Promise<SourceTree> {
  const message = `source: a page cannot open a path, found ${JSON.stringify(path)}; a File, a FileList, a Blob or a URL is needed`;
  throw new UsageError("TENON_SOURCE_NOT_FOUND", message, {
    details: { path },
    hint: "Give the files that the user chose or dropped.",
  });
}

async function openSink(path: string): Promise<SinkTree> {
  const message = `output: a page cannot write to a path, found ${JSON.stringify(path)}; a sink is needed`;
  throw new UsageError("TENON_OUTPUT_NOT_A_SINK", message, {
    details: { path },
    hint: "Give memorySink(), or a SinkTree of your own.",
  });
}

/** @throws UnsupportedError TENON_DIGEST_TOO_LARGE, TENON_DIGEST_UNAVAILABLE */
async function sha256(source: ByteSource, signal?: AbortSignal): Promise<string> {
  const { path, byteLength } = source;
  // Browsers have no `subtle` on a page that came over plain http from another machine, whatever the types say.
  const { subtle } = crypto as { readonly subtle?: SubtleCrypto };
  if (subtle === undefined) {
    throw new UnsupportedError("TENON_DIGEST_UNAVAILABLE", `sha256: the page has no WebCrypto (${path})`, {
      details: { path },
      hint: "Serve the page over https or from localhost.",
    });
  }
  if (byteLength > wholeDigestBytesLimit) {
    const message = `sha256: a file of ${byteLength} bytes; a page digests at most ${wholeDigestBytesLimit} (${path})`;
    throw new UnsupportedError("TENON_DIGEST_TOO_LARGE", message, {
      details: { path, byteLength, allowed: wholeDigestBytesLimit },
      hint: "Write smaller shards: maxShardBytes.",
    });
  }
  const bytes = new Uint8Array(byteLength);
  await source.read(0, bytes, signal);
  const digest = new Uint8Array(await subtle.digest("SHA-256", bytes));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
