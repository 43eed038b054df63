import {
  type FileEntry,
  ResourceError,
  safeRelativePath,
  throwIfAborted,
  UsageError,
} from "../core/index.ts";
import { byPath, isListed } from "./listed.ts";
import { checkRange } from "./range.ts";
import type { ByteSource, SourceTree } from "./source.ts";

/** A file that a {@link MappedTree} holds: how long it is, and how its bytes are read. */
export interface MappedFile {
  readonly byteLength: number;
  /** The range has been checked. */
  read(byteOffset: number, into: Uint8Array, source: ByteSource): Promise<void>;
}

/** A tree over files that are all known from the start: what memory and dropped files have in common. */
export class MappedTree implements SourceTree, AsyncDisposable {
  readonly location: string;
  readonly isSingleFile: boolean;
  readonly #files: ReadonlyMap<string, MappedFile>;

  /** @throws FormatError TENON_PATH_UNSAFE, UsageError TENON_SOURCE_NAME_TWICE */
  constructor(location: string, isSingleFile: boolean, files: Iterable<readonly [string, MappedFile]>) {
    const byName = new Map<string, MappedFile>();
    for (const [path, file] of files) {
      safeRelativePath(path, location);
      if (byName.has(path)) {
        throw new UsageError(
          "TENON_SOURCE_NAME_TWICE",
          `two files are named ${JSON.stringify(path)} (${location})`,
          {
            details: { path },
          },
        );
      }
      byName.set(path, file);
    }
    this.location = location;
    this.isSingleFile = isSingleFile;
    this.#files = byName;
  }

  async list(): Promise<readonly FileEntry[]> {
    return [...this.#files]
      .map(([path, { byteLength }]) => ({ path, byteLength }))
      .filter(({ path }) => isListed(path))
      .sort(byPath);
  }

  async find(path: string): Promise<FileEntry | undefined> {
    safeRelativePath(path, this.location);
    const file = this.#files.get(path);
    return file === undefined ? undefined : { path, byteLength: file.byteLength };
  }

  async open(path: string, signal?: AbortSignal): Promise<ByteSource> {
    throwIfAborted(signal);
    safeRelativePath(path, this.location);
    const file = this.#files.get(path);
    const location = this.isSingleFile ? this.location : `${this.location}/${path}`;
    if (file !== undefined) return new MappedSource(path, location, file);
    throw new ResourceError("TENON_BYTES_OPEN", `open: no such file (${location})`, { details: { path } });
  }

  async close(): Promise<void> {}

  async [Symbol.asyncDispose](): Promise<void> {}
}

class MappedSource implements ByteSource, AsyncDisposable {
  readonly path: string;
  readonly location: string;
  readonly byteLength: number;
  #file: MappedFile | undefined;

  constructor(path: string, location: string, file: MappedFile) {
    this.path = path;
    this.location = location;
    this.byteLength = file.byteLength;
    this.#file = file;
  }

  async read(byteOffset: number, into: Uint8Array, signal?: AbortSignal): Promise<void> {
    throwIfAborted(signal);
    if (this.#file === undefined) throw new Error(`internal: read after close (${this.path})`);
    checkRange(this, byteOffset, into.length);
    await this.#file.read(byteOffset, into, this);
    throwIfAborted(signal);
  }

  async close(): Promise<void> {
    this.#file = undefined;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
