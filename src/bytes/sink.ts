import type { ByteSource } from "./source.ts";

/** One file being written, at any offset, in any order. */
export interface ByteSink {
  readonly path: string;
  /** Absolute path of the file as it lies now (in the temporary directory), if worker threads may write to it. */
  readonly localPath?: string;
  /** Writes all of `bytes` at `byteOffset`. @throws ResourceError TENON_DISK_FULL, TENON_BYTES_WRITE */
  write(byteOffset: number, bytes: Uint8Array): Promise<void>;
  close(): Promise<void>;
}

/**
 * A directory being written. Nothing is visible under its final name before `commit`.
 *
 * Call sequence: `create`/`copy` any number of times, close every sink, then `commit` — or `abort` at any time,
 * which leaves nothing behind.
 */
export interface SinkTree {
  /** Final path or label; for messages. */
  readonly location: string;
  /** `byteLength` is exact; the file has that size from the start. */
  create(path: string, byteLength: number): Promise<ByteSink>;
  /**
   * Copies a whole local file by the operating system (reflink or copy_file_range). Returns false when this sink
   * or that file cannot; the caller then streams.
   */
  copyLocal(path: string, fromLocalPath: string): Promise<boolean>;
  /** A file of this output that was written and closed, to read it before the commit. The caller closes it. */
  reopen(path: string): Promise<ByteSource>;
  /** Makes everything durable and visible at once. */
  commit(): Promise<void>;
  abort(): Promise<void>;
}
