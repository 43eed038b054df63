import type { ByteSource, SourceTree } from "../bytes/index.ts";
import type { FileEntry } from "../core/index.ts";

/** The same tree, listed once: give it to `detectLayout` and to `open`, and the source is walked one time. */
export function listedOnce(tree: SourceTree): SourceTree {
  return ListedTree.of(tree);
}

/**
 * A tree whose files are listed once. Every layout looks at the list while one is being chosen, and over a network or a
 * large directory that is most of the time it takes.
 */
export class ListedTree implements SourceTree {
  readonly location: string;
  readonly isSingleFile: boolean;
  readonly #tree: SourceTree;
  #files: Promise<ReadonlyMap<string, FileEntry>> | undefined;

  private constructor(tree: SourceTree) {
    this.location = tree.location;
    this.isSingleFile = tree.isSingleFile;
    this.#tree = tree;
  }

  static of(tree: SourceTree): ListedTree {
    return tree instanceof ListedTree ? tree : new ListedTree(tree);
  }

  async list(): Promise<readonly FileEntry[]> {
    return [...(await this.#listed()).values()];
  }

  /** A name that is not listed may still exist: one with a dot in front, or one that a server was not asked for. */
  async find(path: string): Promise<FileEntry | undefined> {
    return (await this.#listed()).get(path) ?? this.#tree.find(path);
  }

  open(path: string, signal?: AbortSignal): Promise<ByteSource> {
    return this.#tree.open(path, signal);
  }

  close(): Promise<void> {
    return this.#tree.close();
  }

  #listed(): Promise<ReadonlyMap<string, FileEntry>> {
    this.#files ??= this.#tree.list().then((files) => new Map(files.map((file) => [file.path, file])));
    return this.#files;
  }
}
