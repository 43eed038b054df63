import { constants, copyFile, mkdir, open, rm, rmdir, stat, statfs } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { ConflictError, PlanError, ResourceError } from "../../core/index.ts";
import { OutputNames } from "../output-names.ts";
import type { ByteSink, SinkTree } from "../sink.ts";
import type { ByteSource } from "../source.ts";
import { syncDirectoriesBelow, syncFile } from "./durable.ts";
import { FileSink } from "./file-sink.ts";
import { openFile } from "./file-source.ts";
import { ioError, systemCode } from "./io-error.ts";
import { cleanLeftovers, exists, type StagingPaths, stagingPathsFor } from "./leftovers.ts";
import { refuseProtected } from "./protected.ts";
import { outputExists, publish } from "./publish.ts";

export interface OutputOptions {
  /** Replace what is at the target, once the new output is complete. Default: an existing target is an error. */
  readonly force?: boolean;
  /** Paths of what the output is made from, or addresses: `force` does not remove a path among them. */
  readonly sources?: readonly string[];
  /** Bytes that will be written, if known: checked against the free space before the first one. */
  readonly totalBytes?: number;
}

/**
 * A directory that appears under its name only when it is complete and durable. Until then it grows in a hidden
 * directory beside the target, which `abort` removes and which the next run removes if this process is killed.
 * @throws ConflictError TENON_OUTPUT_EXISTS, TENON_OUTPUT_BELOW_FILE; ResourceError TENON_DISK_FULL, TENON_BYTES_OPEN
 */
export function directorySink(
  path: string,
  options: OutputOptions = {},
): Promise<SinkTree & AsyncDisposable> {
  return StagedSink.start(resolve(path), false, options);
}

/** As {@link directorySink}, for an output that is one file: the tree takes one `create` or `copyLocal`, of any name. */
export function singleFileSink(
  path: string,
  options: OutputOptions = {},
): Promise<SinkTree & AsyncDisposable> {
  return StagedSink.start(resolve(path), true, options);
}

class StagedSink implements SinkTree, AsyncDisposable {
  readonly location: string;
  readonly #isFile: boolean;
  readonly #force: boolean;
  readonly #staging: StagingPaths;
  /** The topmost of the parents that had to be made, or undefined. */
  readonly #madeParent: string | undefined;
  readonly #names = new OutputNames();
  readonly #files: FileSink[] = [];
  readonly #copies: string[] = [];
  #state: "open" | "committed" | "aborted" = "open";

  private constructor(
    location: string,
    isFile: boolean,
    force: boolean,
    staging: StagingPaths,
    madeParent: string | undefined,
  ) {
    this.location = location;
    this.#isFile = isFile;
    this.#force = force;
    this.#staging = staging;
    this.#madeParent = madeParent;
  }

  static async start(target: string, isFile: boolean, options: OutputOptions): Promise<StagedSink> {
    const force = options.force ?? false;
    let madeParent: string | undefined;
    try {
      madeParent = await makeParent(target);
      if (force) await refuseProtected(target, options.sources);
      await cleanLeftovers(target);
      if (!force && (await exists(target))) throw outputExists(target);
      if (options.totalBytes !== undefined) await checkFreeSpace(dirname(target), options.totalBytes);
      const staging = stagingPathsFor(target);
      await mkdir(staging.partial);
      return new StagedSink(target, isFile, force, staging, madeParent);
    } catch (error) {
      await removeEmptyParents(dirname(target), madeParent);
      throw ioError(error, "open", target);
    }
  }

  async create(path: string, byteLength: number): Promise<ByteSink> {
    const localPath = await this.#claim(path);
    try {
      const handle = await open(localPath, "wx+");
      const file = new FileSink(handle, path, localPath, byteLength);
      this.#files.push(file);
      await handle.truncate(byteLength);
      return file;
    } catch (error) {
      throw ioError(error, "write", this.#inTarget(path));
    }
  }

  async copyLocal(path: string, fromLocalPath: string): Promise<boolean> {
    const isRegular = await stat(fromLocalPath).then(
      (stats) => stats.isFile(),
      (error: unknown) => Promise.reject(ioError(error, "open", fromLocalPath)),
    );
    if (!isRegular) return false;
    const localPath = await this.#claim(path);
    try {
      // Shares the blocks where the file system can; else libuv uses copy_file_range and, last, a loop.
      await copyFile(fromLocalPath, localPath, constants.COPYFILE_FICLONE | constants.COPYFILE_EXCL);
    } catch (error) {
      throw ioError(error, "write", this.#inTarget(path));
    }
    this.#copies.push(localPath);
    return true;
  }

  async #claim(path: string): Promise<string> {
    if (this.#state !== "open") throw new Error(`internal: the output is ${this.#state} (${this.location})`);
    if (this.#isFile && this.#files.length + this.#copies.length > 0) {
      throw new PlanError(
        "TENON_OUTPUT_ONE_FILE",
        `the output is one file, a second one is ${path} (${this.location})`,
        {
          details: { path, location: this.location },
          hint: "Give a directory as the output.",
        },
      );
    }
    this.#names.claim(path);
    const localPath = join(this.#staging.partial, path);
    try {
      await mkdir(dirname(localPath), { recursive: true });
    } catch (error) {
      throw ioError(error, "write", this.#inTarget(path));
    }
    return localPath;
  }

  #inTarget(path: string): string {
    return this.#isFile ? this.location : join(this.location, path);
  }

  reopen(path: string): Promise<ByteSource> {
    return openFile(join(this.#staging.partial, path), { path, location: this.#inTarget(path) });
  }

  async commit(): Promise<void> {
    if (this.#state !== "open") throw new Error(`internal: the output is ${this.#state} (${this.location})`);
    if (this.#isFile && this.#files.length + this.#copies.length === 0) {
      throw new Error(`internal: no file was written (${this.location})`);
    }
    const { partial, old } = this.#staging;
    try {
      for (const file of this.#files) await file.finish();
      for (const copy of this.#copies) await syncFile(copy);
      const ready = this.#isFile ? (this.#files[0]?.localPath ?? this.#copies[0] ?? partial) : partial;
      await syncDirectoriesBelow(partial);
      await publish(ready, this.location, { isFile: this.#isFile, force: this.#force, aside: old });
    } catch (error) {
      throw ioError(error, "write", this.location);
    }
    this.#state = "committed";
    if (this.#isFile) await rm(partial, { recursive: true, force: true });
  }

  async abort(): Promise<void> {
    if (this.#state !== "open") return;
    this.#state = "aborted";
    for (const file of this.#files) await file.discard();
    await rm(this.#staging.partial, { recursive: true, force: true, maxRetries: 3 });
    await removeEmptyParents(dirname(this.location), this.#madeParent);
  }

  /** Aborts, unless it was committed. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.abort();
  }
}

/** Makes the directories above an output; the topmost that was made, if any. @throws ConflictError TENON_OUTPUT_BELOW_FILE */
async function makeParent(target: string): Promise<string | undefined> {
  try {
    return await mkdir(dirname(target), { recursive: true });
  } catch (error) {
    if (!["EEXIST", "ENOTDIR"].includes(systemCode(error) ?? "")) throw error;
    const message = `open: something above the output is a file, and no directory (${target})`;
    throw new ConflictError("TENON_OUTPUT_BELOW_FILE", message, {
      cause: error,
      details: { path: target },
      hint: "Choose another output.",
    });
  }
}

/** @throws ResourceError TENON_DISK_FULL */
async function checkFreeSpace(directory: string, neededBytes: number): Promise<void> {
  const { bavail, bsize } = await statfs(directory);
  const freeBytes = bavail * bsize;
  if (freeBytes >= neededBytes) return;
  const message = `${neededBytes} bytes are to be written, the disk has ${freeBytes} free (${directory})`;
  throw new ResourceError("TENON_DISK_FULL", message, {
    details: { path: directory, neededBytes, freeBytes },
    hint: "Free some space, or write to another disk.",
  });
}

/** Takes back the parents that were made for this output, from the deepest up, as long as nothing else is in them. */
async function removeEmptyParents(deepest: string, topmost: string | undefined): Promise<void> {
  if (topmost === undefined) return;
  for (let directory = deepest; directory.length >= topmost.length; directory = dirname(directory)) {
    try {
      await rmdir(directory);
    } catch (error) {
      if (
        systemCode(error) === "ENOTEMPTY" ||
        systemCode(error) === "EEXIST" ||
        systemCode(error) === "ENOENT"
      )
        return;
      throw error;
    }
  }
}
