import type { ByteSource, SourceTree } from "../bytes/index.ts";
import type { FileEntry } from "../core/index.ts";

/**
 * One directory of a tree as a tree of its own. Files that are opened keep their path in the whole tree, so that
 * messages and tensors name them as the user knows them. Closing it closes nothing.
 */
export class SubTree implements SourceTree {
  readonly location: string;
  readonly isSingleFile = false;
  readonly #tree: SourceTree;
  readonly #prefix: string;

  constructor(tree: SourceTree, directory: string) {
    this.location = `${tree.location}/${directory}`;
    this.#tree = tree;
    this.#prefix = `${directory}/`;
  }

  async list(): Promise<readonly FileEntry[]> {
    const all = await this.#tree.list();
    return all.filter(({ path }) => path.startsWith(this.#prefix)).map((file) => this.#inside(file));
  }

  async find(path: string): Promise<FileEntry | undefined> {
    const file = await this.#tree.find(this.#prefix + path);
    return file === undefined ? undefined : this.#inside(file);
  }

  open(path: string, signal?: AbortSignal): Promise<ByteSource> {
    return this.#tree.open(this.#prefix + path, signal);
  }

  async close(): Promise<void> {}

  #inside({ path, byteLength }: FileEntry): FileEntry {
    return { path: path.slice(this.#prefix.length), byteLength };
  }
}
