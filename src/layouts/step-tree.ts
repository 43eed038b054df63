import type { ByteSource } from "../bytes/index.ts";
import { SubTree } from "./sub-tree.ts";

/** One folder of a tree, as if the user had pointed at it: files that are opened have their path in the folder. */
export class StepTree extends SubTree {
  override async open(path: string, signal?: AbortSignal): Promise<ByteSource> {
    return new InsideSource(await super.open(path, signal), path);
  }
}

class InsideSource implements ByteSource {
  readonly path: string;
  readonly location: string;
  readonly byteLength: number;
  readonly localPath?: string;
  readonly #source: ByteSource;

  constructor(source: ByteSource, path: string) {
    this.path = path;
    this.location = source.location;
    this.byteLength = source.byteLength;
    if (source.localPath !== undefined) this.localPath = source.localPath;
    this.#source = source;
  }

  read(byteOffset: number, into: Uint8Array, signal?: AbortSignal): Promise<void> {
    return this.#source.read(byteOffset, into, signal);
  }

  close(): Promise<void> {
    return this.#source.close();
  }
}
