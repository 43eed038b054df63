import { realpathSync, statSync } from "node:fs";
import { opendir, realpath, stat } from "node:fs/promises";
import { join, resolve } from "node:path";
import { type FileEntry, ResourceError, safeRelativePath, UsageError } from "../../core/index.ts";
import type { ByteSource, SourceTree } from "../source.ts";
import { openFile } from "./file-source.ts";
import { ioError, systemCode } from "./io-error.ts";
import { listedDepthLimit, listedFilesLimit } from "./limits.ts";
import { checkLink, isInside, linkRootsOf } from "./link-roots.ts";

export interface DirectoryTreeOptions {
  /** Further directories that symbolic links may lead into: shards kept on another disk. */
  readonly linkRoots?: readonly string[];
}

/**
 * A local directory. Names that begin with a dot are not listed (`.git`, `.cache`, our own `.tenon-*`), but open
 * by name (`.metadata` of torch's distributed checkpoints). Links to directories outside are not descended into;
 * links to files outside are listed and refused when found or opened.
 * @throws UsageError TENON_SOURCE_NOT_FOUND
 */
export async function directoryTree(path: string, options: DirectoryTreeOptions = {}): Promise<SourceTree> {
  const location = resolve(path);
  const root = await realRoot(location);
  const more = await Promise.all((options.linkRoots ?? []).map((root) => realRoot(resolve(root))));
  return new DirectoryTree(location, root, [...linkRootsOf(root), ...more]);
}

async function realRoot(location: string): Promise<string> {
  try {
    return await realpath(location);
  } catch (error) {
    throw notFoundOr(error, location);
  }
}

/** What the user pointed at is missing (a usage error), or unreadable. */
export function notFoundOr(error: unknown, location: string): Error {
  if (!isMissing(error)) return ioError(error, "open", location);
  return new UsageError("TENON_SOURCE_NOT_FOUND", `no such file or directory (${location})`, {
    cause: error,
    details: { path: location },
  });
}

function isMissing(error: unknown): boolean {
  const code = systemCode(error);
  return code === "ENOENT" || code === "ENOTDIR";
}

class DirectoryTree implements SourceTree, AsyncDisposable {
  readonly location: string;
  readonly isSingleFile = false;
  readonly #root: string;
  readonly #linkRoots: readonly string[];

  constructor(location: string, root: string, linkRoots: readonly string[]) {
    this.location = location;
    this.#root = root;
    this.#linkRoots = linkRoots;
  }

  async list(): Promise<readonly FileEntry[]> {
    const files: FileEntry[] = [];
    try {
      await this.#listInto(files, "", [this.#root]);
    } catch (error) {
      throw ioError(error, "open", this.location);
    }
    return files.sort((a, b) => (a.path < b.path ? -1 : 1));
  }

  /** `above`: the resolved directories on the way down, so that a link to one of them ends the descent. */
  async #listInto(files: FileEntry[], prefix: string, above: readonly string[]): Promise<void> {
    if (above.length > listedDepthLimit)
      throw this.#tooLarge(`more than ${listedDepthLimit} levels of directories`);
    const directories: string[] = [];
    const sizes: Promise<FileEntry | undefined>[] = [];
    for await (const entry of await opendir(join(this.#root, prefix))) {
      if (entry.name.startsWith(".")) continue;
      const path = prefix + entry.name;
      if (entry.isDirectory()) directories.push(path);
      else if (entry.isFile() || entry.isSymbolicLink()) sizes.push(this.#stat(path, directories));
      if (files.length + sizes.length > listedFilesLimit)
        throw this.#tooLarge(`more than ${listedFilesLimit} files`);
    }
    for (const file of await Promise.all(sizes)) if (file !== undefined) files.push(file);
    for (const path of directories) {
      const real = await realpath(join(this.#root, path));
      const isOutside = !this.#linkRoots.some((root) => isInside(real, root));
      if (!isOutside && !above.includes(real)) await this.#listInto(files, `${path}/`, [...above, real]);
    }
  }

  /** The file at `path`; a directory behind a link goes to `directories`; nothing behind a dangling link. */
  async #stat(path: string, directories: string[]): Promise<FileEntry | undefined> {
    try {
      const stats = await stat(join(this.#root, path));
      if (stats.isDirectory()) directories.push(path);
      return stats.isFile() ? { path, byteLength: stats.size } : undefined;
    } catch (error) {
      if (isMissing(error) || systemCode(error) === "ELOOP") return undefined;
      throw error;
    }
  }

  #tooLarge(what: string): UsageError {
    return new UsageError("TENON_SOURCE_TOO_LARGE", `the directory holds ${what} (${this.location})`, {
      details: { path: this.location },
      hint: "Point at the directory of the checkpoint itself.",
    });
  }

  async find(path: string): Promise<FileEntry | undefined> {
    const real = this.#resolve(path);
    if (real === undefined) return undefined;
    try {
      const stats = statSync(real);
      return stats.isFile() ? { path, byteLength: stats.size } : undefined;
    } catch (error) {
      throw ioError(error, "open", path);
    }
  }

  async open(path: string): Promise<ByteSource> {
    const real = this.#resolve(path);
    const location = join(this.location, path);
    if (real === undefined) {
      throw new ResourceError("TENON_BYTES_OPEN", `open: no such file (${location})`, {
        details: { path, systemCode: "ENOENT" },
      });
    }
    return openFile(real, { path, location });
  }

  #resolve(path: string): string | undefined {
    safeRelativePath(path, this.location);
    let real: string;
    try {
      real = realpathSync.native(join(this.#root, path));
    } catch (error) {
      if (isMissing(error)) return undefined;
      throw ioError(error, "open", join(this.location, path));
    }
    checkLink(path, real, this.#linkRoots);
    return real;
  }

  async close(): Promise<void> {}

  async [Symbol.asyncDispose](): Promise<void> {}
}
