import { type FileHandle, open } from "node:fs/promises";
import { ResourceError, throwIfAborted } from "../../core/index.ts";
import { checkRange, pastEnd } from "../range.ts";
import type { ByteSource } from "../source.ts";
import { ioError } from "./io-error.ts";
import { bytesPerCall } from "./limits.ts";

/** How a file is named in messages and ids when that differs from the path that is opened. */
export interface FileNames {
  readonly path: string;
  readonly location: string;
}

/**
 * Opens one local file for positional reads. The handle is held until `close`.
 * @throws ResourceError TENON_BYTES_OPEN when it cannot be opened or is not a regular file
 */
export async function openFile(localPath: string, names?: FileNames): Promise<ByteSource & AsyncDisposable> {
  let handle: FileHandle | undefined;
  try {
    handle = await open(localPath, "r");
    const stats = await handle.stat();
    if (!stats.isFile()) {
      throw new ResourceError("TENON_BYTES_OPEN", `open: not a regular file (${localPath})`, {
        details: { path: localPath },
      });
    }
    return new FileSource(handle, localPath, stats.size, names ?? { path: localPath, location: localPath });
  } catch (error) {
    await handle?.close();
    throw ioError(error, "open", localPath);
  }
}

class FileSource implements ByteSource, AsyncDisposable {
  readonly path: string;
  readonly location: string;
  readonly localPath: string;
  readonly byteLength: number;
  #handle: FileHandle | undefined;

  constructor(handle: FileHandle, localPath: string, byteLength: number, names: FileNames) {
    this.#handle = handle;
    this.localPath = localPath;
    this.byteLength = byteLength;
    this.path = names.path;
    this.location = names.location;
  }

  async read(byteOffset: number, into: Uint8Array, signal?: AbortSignal): Promise<void> {
    checkRange(this, byteOffset, into.length);
    let done = 0;
    while (done < into.length) {
      throwIfAborted(signal);
      if (this.#handle === undefined) throw new Error(`internal: read after close (${this.path})`);
      const want = Math.min(into.length - done, bytesPerCall);
      const at = byteOffset + done;
      let got: number;
      try {
        got = (await this.#handle.read(into, done, want, at)).bytesRead;
      } catch (error) {
        throw ioError(error, "read", this.localPath);
      }
      // The file was longer when it was opened: somebody is writing it.
      if (got === 0) throw pastEnd(this.path, byteOffset, into.length, at);
      done += got;
    }
  }

  async close(): Promise<void> {
    const handle = this.#handle;
    this.#handle = undefined;
    await handle?.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
