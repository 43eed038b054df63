import type { ByteSource, SourceTree } from "../bytes/index.ts";
import { FormatError, type TenonError, type Tensor } from "../core/index.ts";
import { openTensorFile, stateDictsIn, type TensorFile } from "../formats/index.ts";
import type { OpenOptions } from "./layout.ts";
import { openingAtOnce, weightFilesLimit } from "./limits.ts";
import { ListedTree } from "./listed-tree.ts";
import { Notices } from "./notices.ts";
import { opaqueClassesIn } from "./opaque-objects.ts";
import { RenamedTensor } from "./renamed-tensor.ts";

export interface OpenedFile {
  readonly path: string;
  readonly file: TensorFile;
  /** By the names that the model knows. */
  readonly tensors: readonly Tensor[];
}

/** A pickle's object, as {@link CheckpointFiles.openObject} finds it. */
export interface OpenedObject {
  readonly path: string;
  readonly object: unknown;
  /** The bytes of the file, in which its tensors lie. */
  readonly source: ByteSource;
}

/** Opens tensor files of one checkpoint and owns them until it is closed. */
export class CheckpointFiles implements AsyncDisposable {
  readonly tree: SourceTree;
  readonly options: OpenOptions;
  readonly notices: Notices;
  readonly #sources: ByteSource[] = [];
  /** Classes that {@link openObject} has noted. */
  readonly #opaque: Set<string> = new Set();

  constructor(tree: SourceTree, options: OpenOptions) {
    this.tree = ListedTree.of(tree);
    this.options = options;
    this.notices = new Notices(options);
  }

  /** Reads the headers of files, several at a time; the answers come in the order of the paths. */
  async openAll(paths: readonly string[], tree: SourceTree = this.tree): Promise<OpenedFile[]> {
    if (paths.length > weightFilesLimit) {
      const message = `layout: ${paths.length} tensor files; at most ${weightFilesLimit} are opened together (${tree.location})`;
      throw new FormatError("TENON_WEIGHTS_TOO_MANY_FILES", message, { details: { count: paths.length } });
    }
    const opened: OpenedFile[] = [];
    for (let at = 0; at < paths.length; at += openingAtOnce) {
      const batch = paths.slice(at, at + openingAtOnce).map((path) => this.open(path, tree));
      // All of them settle before one failure is passed on, so that `close` finds every file.
      const settled = await Promise.allSettled(batch);
      for (const result of settled) {
        if (result.status === "rejected") throw result.reason;
        opened.push(result.value);
      }
    }
    return opened;
  }

  /** A file by its bytes, for layouts that find tensors in it by themselves. */
  async source(
    path: string,
    signal: AbortSignal | undefined = this.options.signal,
    tree: SourceTree = this.tree,
  ): Promise<ByteSource> {
    const source = await tree.open(path, signal);
    this.#sources.push(source);
    return source;
  }

  /** Reads the header of one file. */
  async open(path: string, tree: SourceTree = this.tree): Promise<OpenedFile> {
    const { formats, signal, report } = this.options;
    const source = await this.source(path, signal, tree);
    const file = await openTensorFile(source, formats, {
      ...(signal && { signal }),
      ...(report && { report }),
    });
    return { path: source.path, file, tensors: this.#stored(file, source.path) };
  }

  /**
   * Opens a pickle for its object, whatever it is; `tensorsIn` finds the tensors in it. Classes that are not known are noted
   * once for all files that are opened so.
   * @throws FormatError TENON_LAYOUT_NO_OBJECT when the file is of a format without objects
   */
  async openObject(path: string): Promise<OpenedObject> {
    const { formats, signal, report } = this.options;
    const source = await this.tree.open(path, signal);
    this.#sources.push(source);
    const { object } = await openTensorFile(source, formats, {
      ...(signal && { signal }),
      ...(report && { report }),
    });
    if (object === undefined) {
      const message = `layout: a pickle is expected, this file holds bare tensors (${path})`;
      throw new FormatError("TENON_LAYOUT_NO_OBJECT", message, { details: { path } });
    }
    const opaque = opaqueClassesIn(object).filter((name) => !this.#opaque.has(name));
    for (const name of opaque) this.#opaque.add(name);
    if (opaque.length > 0)
      this.notices.note({ code: "TENON_PICKLE_OPAQUE", names: opaque, facts: { file: path } });
    return { path: source.path, object, source };
  }

  /** Names as the model knows them: without the dict (`state_dict`, `model`) that a pickle keeps them in. */
  #stored(file: TensorFile, path: string): readonly Tensor[] {
    const opaque = file.object === undefined ? [] : opaqueClassesIn(file.object);
    if (opaque.length > 0)
      this.notices.note({ code: "TENON_PICKLE_OPAQUE", names: opaque, facts: { file: path } });
    const walk = { file: path, report: this.options.report };
    const dicts = file.object === undefined ? [] : stateDictsIn(file.object, walk);
    const inner = dicts.filter(({ container }) => container.length > 0);
    const chosen = inner.length > 0 ? inner : dicts;
    if (chosen.length === 0) return file.tensors;
    const [dict] = chosen;
    if (dict === undefined || chosen.length > 1)
      throw severalDicts(
        chosen.map(({ container }) => container.join(".")),
        path,
      );
    const loose = dicts.filter((other) => other !== dict).flatMap((other) => [...other.tensors.keys()]);
    if (loose.length > 0) {
      this.notices.note({ code: "TENON_STATE_DICT_LOOSE_TENSORS", names: loose, facts: { file: path } });
    }
    return [...dict.tensors].map(([name, tensor]) =>
      name === tensor.name ? tensor : new RenamedTensor(tensor, name),
    );
  }

  async close(): Promise<void> {
    await Promise.allSettled(this.#sources.splice(0).map((source) => source.close()));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

function severalDicts(containers: readonly string[], path: string): TenonError {
  const listed = containers.map((name) => JSON.stringify(name)).join(", ");
  return new FormatError(
    "TENON_STATE_DICT_AMBIGUOUS",
    `state-dict: ${listed} all hold tensors, and only one can be the model (${path})`,
    { details: { containers, path }, hint: "Save the one you mean to a file of its own." },
  );
}
