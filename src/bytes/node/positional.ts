import { closeSync, constants, fstatSync, openSync, readSync, writeSync } from "node:fs";
import { pastEnd } from "../range.ts";
import { ioError } from "./io-error.ts";
import { bytesPerCall } from "./limits.ts";

/**
 * Synchronous positional input and output, for worker threads: there nothing else waits, and a call costs a
 * tenth of an asynchronous one.
 */

/** Opens a file for {@link readSyncFully}; close it with {@link closeFileSync}. @throws ResourceError TENON_BYTES_OPEN */
export function openToReadSync(path: string): number {
  try {
    // A named pipe that took the file's place since it was checked must not be waited for.
    return openSync(path, constants.O_RDONLY + (constants.O_NONBLOCK ?? 0));
  } catch (error) {
    throw ioError(error, "open", path);
  }
}

/** Opens an existing file for {@link writeSyncFully}, keeping what it holds. @throws ResourceError TENON_BYTES_OPEN */
export function openToWriteSync(path: string): number {
  try {
    return openSync(path, "r+");
  } catch (error) {
    throw ioError(error, "open", path);
  }
}

/** @throws ResourceError TENON_BYTES_WRITE, TENON_DISK_FULL: some file systems report a failed write only now. */
export function closeFileSync(fd: number, path: string): void {
  try {
    closeSync(fd);
  } catch (error) {
    throw ioError(error, "write", path);
  }
}

/**
 * Fills `into` from `byteOffset`, however many calls that takes.
 * @throws FormatError TENON_BYTES_PAST_END when the file ends first, ResourceError TENON_BYTES_READ
 */
export function readSyncFully(fd: number, byteOffset: number, into: Uint8Array, path: string): void {
  let done = 0;
  while (done < into.length) {
    const want = Math.min(into.length - done, bytesPerCall);
    let got: number;
    try {
      got = readSync(fd, into, done, want, byteOffset + done);
    } catch (error) {
      throw ioError(error, "read", path);
    }
    if (got === 0) throw pastEnd(path, byteOffset, into.length, fstatSync(fd).size);
    done += got;
  }
}

/** Writes all of `bytes` at `byteOffset`. @throws ResourceError TENON_DISK_FULL, TENON_BYTES_WRITE */
export function writeSyncFully(fd: number, byteOffset: number, bytes: Uint8Array, path: string): void {
  let done = 0;
  while (done < bytes.length) {
    const want = Math.min(bytes.length - done, bytesPerCall);
    try {
      done += writeSync(fd, bytes, done, want, byteOffset + done);
    } catch (error) {
      throw ioError(error, "write", path);
    }
  }
}
