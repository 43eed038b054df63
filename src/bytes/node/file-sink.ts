import type { FileHandle } from "node:fs/promises";
import type { ByteSink } from "../sink.ts";
import { ioError } from "./io-error.ts";
import { bytesPerCall } from "./limits.ts";

/**
 * One file of a staged output. `close` starts making it durable in the background, so that the disk works while
 * the next file is computed; `finish` waits for that. The handle stays open in between because a failed
 * write-back is reported only to handles that were open when it happened.
 */
export class FileSink implements ByteSink, AsyncDisposable {
  readonly path: string;
  readonly localPath: string;
  readonly #byteLength: number;
  readonly #handle: FileHandle;
  #durable: Promise<{ readonly error?: unknown }> | undefined;

  constructor(handle: FileHandle, path: string, localPath: string, byteLength: number) {
    this.#handle = handle;
    this.path = path;
    this.localPath = localPath;
    this.#byteLength = byteLength;
  }

  async write(byteOffset: number, bytes: Uint8Array): Promise<void> {
    if (this.#durable !== undefined) throw new Error(`internal: write after close (${this.path})`);
    if (!Number.isSafeInteger(byteOffset) || byteOffset < 0 || byteOffset + bytes.length > this.#byteLength) {
      throw new Error(`internal: write past the ${this.#byteLength} bytes of ${this.path}`);
    }
    let done = 0;
    while (done < bytes.length) {
      const want = Math.min(bytes.length - done, bytesPerCall);
      try {
        done += (await this.#handle.write(bytes, done, want, byteOffset + done)).bytesWritten;
      } catch (error) {
        throw ioError(error, "write", this.path);
      }
    }
  }

  async close(): Promise<void> {
    this.#durable ??= this.#handle.sync().then(
      () => ({}),
      (error: unknown) => ({ error }),
    );
  }

  /** Waits until the bytes are on the disk and lets go of the file. */
  async finish(): Promise<void> {
    if (this.#durable === undefined) throw new Error(`internal: commit before close (${this.path})`);
    const { error } = await this.#durable;
    await this.#handle.close();
    if (error !== undefined) throw ioError(error, "write", this.path);
  }

  /** Lets go of the file; what it holds does not matter any more. */
  async discard(): Promise<void> {
    await this.#durable;
    await this.#handle.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
