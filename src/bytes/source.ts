import type { FileEntry } from "../core/index.ts";

/** Random-access bytes of one file. Opening reads nothing. */
export interface ByteSource {
  /** Path relative to the tree it came from; for messages. */
  readonly path: string;
  /** Absolute path or URL: unique, the first half of tensor ids. */
  readonly location: string;
  readonly byteLength: number;
  /** Absolute path, if any thread of this machine can open it. */
  readonly localPath?: string;
  /**
   * Fills `into` completely from `byteOffset`.
   * @throws FormatError TENON_BYTES_PAST_END when the file ends before that, ResourceError TENON_BYTES_READ on EIO,
   * a broken connection or a server that ignores ranges, InterruptedError when aborted.
   */
  read(byteOffset: number, into: Uint8Array, signal?: AbortSignal): Promise<void>;
  close(): Promise<void>;
}

/** A directory-like set of files: a local directory, one file, a dropped FileList, or files below a URL. */
export interface SourceTree {
  /** Absolute path or URL. */
  readonly location: string;
  /** True when the user pointed at one file; then `list` has that file alone. */
  readonly isSingleFile: boolean;
  /**
   * Every file below, sorted by path, `/`-separated. Over http, where nothing can be listed, the well-known
   * names that exist.
   */
  list(): Promise<readonly FileEntry[]>;
  /** The file at a relative path, or undefined. */
  find(path: string): Promise<FileEntry | undefined>;
  /** @throws FormatError TENON_PATH_UNSAFE, TENON_PATH_ESCAPES for a symlink out of the tree, ResourceError TENON_BYTES_OPEN */
  open(path: string, signal?: AbortSignal): Promise<ByteSource>;
  close(): Promise<void>;
}
