import { createHash } from "node:crypto";
import { availableParallelism } from "node:os";
import type { ByteSource } from "../../bytes/index.ts";
import { directorySink, localTree, singleFileSink } from "../../bytes/node/index.ts";
import { isFileLike, runInThreads } from "../../execute/node/index.ts";
import type { Host } from "../host.ts";

const digestBytes = 1024 * 1024;

export interface NodeHostOptions {
  /** The worker's entry, where it does not lie beside the built module (running from source). */
  readonly workerUrl?: URL;
}

/** The local machine: files, worker threads, OpenSSL's SHA-256. */
export function nodeHost({ workerUrl }: NodeHostOptions = {}): Host {
  return {
    openTree: (path) => localTree(path),
    openSink: (path, { force, totalBytes, sources, isSingleFile }) => {
      const options = {
        force,
        ...(totalBytes === undefined ? {} : { totalBytes }),
        ...(sources && { sources }),
      };
      return isSingleFile ? singleFileSink(path, options) : directorySink(path, options);
    },
    threads: availableParallelism(),
    inThreads: (threads, kernelBytes) => (batch, control) =>
      runInThreads(batch, { ...control, threads, kernelBytes, ...(workerUrl && { workerUrl }) }),
    isFileLike,
    sha256,
  };
}

async function sha256(source: ByteSource, signal?: AbortSignal): Promise<string> {
  const hash = createHash("sha256");
  const buffer = new Uint8Array(digestBytes);
  for (let offset = 0; offset < source.byteLength; offset += digestBytes) {
    const chunk = buffer.subarray(0, Math.min(digestBytes, source.byteLength - offset));
    await source.read(offset, chunk, signal);
    hash.update(chunk);
  }
  return hash.digest("hex");
}
