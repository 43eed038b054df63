import { realpath, stat } from "node:fs/promises";
import { basename, resolve } from "node:path";
import { type FileEntry, ResourceError, throwIfAborted } from "../../core/index.ts";
import type { ByteSource, SourceTree } from "../source.ts";
import { type DirectoryTreeOptions, directoryTree, notFoundOr } from "./directory-tree.ts";
import { openFile } from "./file-source.ts";

/**
 * What a path of the user's points at: a directory, or one file as a tree that has that file alone.
 * @throws UsageError TENON_SOURCE_NOT_FOUND
 */
export async function localTree(path: string, options: DirectoryTreeOptions = {}): Promise<SourceTree> {
  const location = resolve(path);
  try {
    if ((await stat(location)).isDirectory()) return await directoryTree(location, options);
    // The user named this very file, so it may be a link to anywhere.
    return new FileTree(location, await realpath(location));
  } catch (error) {
    throw notFoundOr(error, location);
  }
}

class FileTree implements SourceTree, AsyncDisposable {
  readonly location: string;
  readonly isSingleFile = true;
  readonly #name: string;
  readonly #realPath: string;

  constructor(location: string, realPath: string) {
    this.location = location;
    this.#name = basename(location);
    this.#realPath = realPath;
  }

  async list(): Promise<readonly FileEntry[]> {
    const source = await this.#openFile();
    await source.close();
    return [{ path: this.#name, byteLength: source.byteLength }];
  }

  async find(path: string): Promise<FileEntry | undefined> {
    return path === this.#name ? (await this.list())[0] : undefined;
  }

  async open(path: string, signal?: AbortSignal): Promise<ByteSource> {
    throwIfAborted(signal);
    if (path === this.#name) return this.#openFile();
    throw new ResourceError(
      "TENON_BYTES_OPEN",
      `open: the source is the one file ${this.#name}, not ${path}`,
      {
        details: { path, location: this.location },
      },
    );
  }

  #openFile(): ReturnType<typeof openFile> {
    return openFile(this.#realPath, { path: this.#name, location: this.location });
  }

  async close(): Promise<void> {}

  async [Symbol.asyncDispose](): Promise<void> {}
}
