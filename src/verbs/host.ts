import type { ByteSource, NamedBlob, SinkTree, SourceTree } from "../bytes/index.ts";
import type { ExecuteOptions, RunInThreads } from "../execute/index.ts";

/** A path or URL, files that a browser hands over (a File, a FileList, blobs with paths), or a tree of one's own. */
export type Source = string | SourceTree | Blob | Iterable<File | NamedBlob>;

/** A path, or anything that takes files. */
export type Output = string | SinkTree;

export interface SinkRequest {
  readonly force: boolean;
  /** Size of everything that will be written, for the check of free space; absent where it is not known yet. */
  readonly totalBytes?: number;
  /** Locations of what the output is made from: `force` must not remove them. */
  readonly sources?: readonly string[];
  /** The output is one file, not a directory. */
  readonly isSingleFile: boolean;
}

/** What verbs need from the place they run in: everything that differs between Node and a browser. */
export interface Host {
  /**
   * A tree of the files at a path. URLs do not come here.
   * @throws UsageError TENON_SOURCE_NOT_FOUND
   */
  openTree(path: string): Promise<SourceTree>;
  /** @throws ConflictError TENON_OUTPUT_EXISTS, UsageError TENON_OUTPUT_HOLDS_SOURCE, ResourceError TENON_DISK_FULL */
  openSink(path: string, request: SinkRequest): Promise<SinkTree>;
  /** Worker threads to use when the caller does not say; 1 where there are none. */
  readonly threads: number;
  /** Absent: everything runs on the calling thread. */
  readonly inThreads?: (threads: number, kernelBytes: number) => RunInThreads;
  readonly isFileLike?: NonNullable<ExecuteOptions["isFileLike"]>;
  /** SHA-256 of a whole file, as 64 lower-case hex digits. */
  sha256(source: ByteSource, signal?: AbortSignal): Promise<string>;
}
