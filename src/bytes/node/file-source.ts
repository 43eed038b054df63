import { close, closeSync, constants, fstatSync, openSync, read as readCallback, readSync } from "node:fs";
import { promisify } from "node:util";
import { ResourceError, throwIfAborted } from "../../core/index.ts";
import { checkRange, pastEnd } from "../range.ts";
import type { ByteSource } from "../source.ts";
import { ioError } from "./io-error.ts";
import { bytesPerCall, syncReadBytes } from "./limits.ts";

const readLater = promisify(readCallback);
const closeLater = promisify(close);

/** How a file is named in messages and ids when that differs from the path that is opened. */
export interface FileNames {
  readonly path: string;
  readonly location: string;
}

/**
 * Opens one local file for positional reads. The descriptor is held until `close`.
 * @throws ResourceError TENON_BYTES_OPEN when it cannot be opened or is not a regular file
 */
export async function openFile(localPath: string, names?: FileNames): Promise<ByteSource & AsyncDisposable> {
  let fd: number | undefined;
  try {
    // Synchronous: a trip through the thread pool costs ten times the call, and a checkpoint may have 1000 files.
    // Without O_NONBLOCK a named pipe in the place of a file would be waited for, forever.
    fd = openSync(localPath, constants.O_RDONLY + (constants.O_NONBLOCK ?? 0));
    const stats = fstatSync(fd);
    if (!stats.isFile()) {
      throw new ResourceError("TENON_BYTES_OPEN", `open: not a regular file (${localPath})`, {
        details: { path: localPath },
      });
    }
    return new FileSource(fd, localPath, stats.size, names ?? { path: localPath, location: localPath });
  } catch (error) {
    if (fd !== undefined) closeSync(fd);
    throw ioError(error, "open", localPath);
  }
}

class FileSource implements ByteSource, AsyncDisposable {
  readonly path: string;
  readonly location: string;
  readonly localPath: string;
  readonly byteLength: number;
  readonly #fd: number;
  #isClosed = false;
  #readsUnderWay = 0;
  /** Set by `close` while reads are under way: the descriptor must not be given to another file before they end. */
  #whenIdle: (() => void) | undefined;

  constructor(fd: number, localPath: string, byteLength: number, names: FileNames) {
    this.#fd = fd;
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
      const got = await this.#readSome(into, done, byteOffset + done);
      // The file was longer when it was opened: somebody is writing it.
      if (got === 0) throw pastEnd(this.path, byteOffset, into.length, byteOffset + done);
      done += got;
    }
  }

  async #readSome(into: Uint8Array, done: number, byteOffset: number): Promise<number> {
    if (this.#isClosed) throw new Error(`internal: read after close (${this.path})`);
    const want = Math.min(into.length - done, bytesPerCall);
    this.#readsUnderWay++;
    try {
      if (want <= syncReadBytes) return readSync(this.#fd, into, done, want, byteOffset);
      return (await readLater(this.#fd, into, done, want, byteOffset)).bytesRead;
    } catch (error) {
      throw ioError(error, "read", this.localPath);
    } finally {
      if (--this.#readsUnderWay === 0) this.#whenIdle?.();
    }
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    if (this.#readsUnderWay > 0) {
      await new Promise<void>((resolve) => {
        this.#whenIdle = resolve;
      });
    }
    await closeLater(this.#fd);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
