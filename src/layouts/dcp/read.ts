// One DCP folder: `.metadata` and the files of the ranks.
import { readDocument } from "../../bytes/index.ts";
import {
  FormatError,
  type JsonRecord,
  type OptimizerComponent,
  type Tensor,
  UnsupportedError,
} from "../../core/index.ts";
import { type CanonicalNameOptions, canonicalNames } from "../canonical-names.ts";
import type { CheckpointFiles } from "../checkpoint-files.ts";
import { noteLeftState } from "../left-state.ts";
import { ChunkedTensor } from "./chunked-tensor.ts";
import { metadataName } from "./file-names.ts";
import { metadataBytesLimit } from "./limits.ts";
import { readMetadata } from "./metadata.ts";
import { ObjectReader } from "./objects.ts";
import { readDcpOptimizer } from "./optimizer.ts";
import { partsOf, type StateParts } from "./parts.ts";
import { ItemFiles } from "./sources.ts";
import { leavesOf, type StateLeaf, type StateNode, stateTree } from "./state-tree.ts";

/** A DCP folder, opened from `.metadata` alone. */
export class DcpFolder {
  /** Tensors of the model by the names that they have in it; undefined when the folder holds none. */
  readonly model: readonly Tensor[] | undefined;
  readonly hasOptimizer: boolean;
  readonly #parts: StateParts;
  readonly #files: CheckpointFiles;
  readonly #folder: string;
  readonly #sources: ItemFiles;
  readonly #lost: ReadonlySet<string>;

  private constructor(
    files: CheckpointFiles,
    folder: string,
    parts: StateParts,
    sources: ItemFiles,
    lost: ReadonlySet<string>,
  ) {
    this.#files = files;
    this.#folder = folder;
    this.#parts = parts;
    this.#sources = sources;
    this.#lost = lost;
    this.hasOptimizer = parts.optimizer !== undefined;
    this.model = parts.model && this.#modelTensors(parts.model);
  }

  /**
   * @param folder with a slash at its end; "" for the source itself
   * @throws FormatError TENON_DCP_METADATA_MISSING and whatever `.metadata` gives reason for
   */
  static async open(files: CheckpointFiles, folder: string): Promise<DcpFolder> {
    const path = folder + metadataName;
    if ((await files.tree.find(path)) === undefined) throw metadataMissing(folder, files);
    const bytes = await readDocument(files.tree, path, metadataBytesLimit);
    const metadata = readMetadata(bytes, path);
    const sources = new ItemFiles(files, folder);
    const lost = await sources.check(metadata, path);
    return new DcpFolder(files, folder, partsOf(stateTree(metadata, path)), sources, lost);
  }

  /** The optimizer by canonical names; undefined when the folder holds none. Reads its small objects, no moment. */
  async optimizer(names: Pick<CanonicalNameOptions, "entries">): Promise<OptimizerComponent | undefined> {
    const { optimizer } = this.#parts;
    if (optimizer === undefined) return undefined;
    const { knownBaseNames } = this.#files.options;
    return readDcpOptimizer(optimizer, {
      file: this.#folder + metadataName,
      location: this.#location,
      reader: this.#reader,
      tensor: (leaf) => this.#tensor(leaf, leaf.name),
      isLost: (leaf) => this.#lost.has(leaf.name),
      canonical: (stored) => canonicalNames(stored, { ...names, knownBaseNames }),
      left: (names) =>
        noteLeftState(
          this.#files,
          this.#folder + metadataName,
          new Map(names.map((name) => [name, "no tensor or number of its own"])),
        ),
    });
  }

  /** Everything that is neither model nor optimizer, as one document; undefined when there is nothing. */
  async document(): Promise<JsonRecord | undefined> {
    const { rest } = this.#parts;
    if (rest.entries.size === 0) return undefined;
    const { value, left } = await this.#reader.nested(rest);
    this.#leave(left);
    return value as JsonRecord | undefined;
  }

  get #reader(): ObjectReader {
    return new ObjectReader(this.#sources, this.#files.options.signal);
  }

  get #location(): string {
    return `${this.#files.tree.location}/${this.#folder}`;
  }

  #modelTensors(model: StateNode): readonly Tensor[] {
    const tensors: Tensor[] = [];
    const objects: string[] = [];
    for (const [at, leaf] of leavesOf(model)) {
      const name = at.join(".");
      if (/(^|\.)_?flat_param(_\d+)?$/.test(name)) refuseFlat(name, this.#folder);
      if (leaf.kind === "object") objects.push(leaf.name);
      else if (!this.#lost.has(leaf.name)) tensors.push(this.#tensor(leaf, name));
    }
    this.#leave(objects);
    return tensors;
  }

  #tensor({ name: stored, record }: Extract<StateLeaf, { kind: "tensor" }>, name: string): Tensor {
    const id = `${this.#location}#${stored}`;
    return new ChunkedTensor({ id, name, record, open: this.#sources.open, folder: this.#folder });
  }

  #leave(names: readonly string[]): void {
    if (names.length > 0)
      this.#files.notices.note({
        code: "TENON_DCP_OBJECTS_LEFT",
        names,
        facts: { folder: this.#folder },
      });
  }
}

function metadataMissing(folder: string, files: CheckpointFiles): FormatError {
  const where = folder === "" ? files.tree.location : folder.slice(0, -1);
  const message = `dcp: .metadata is missing: the save did not finish (${where})`;
  return new FormatError("TENON_DCP_METADATA_MISSING", message, {
    details: { folder: where },
    hint: "Go back to the checkpoint before it; .metadata is written last, when every rank is done.",
  });
}

/** FSDP1's LOCAL_STATE_DICT: one flat buffer a module, whose parameters only the live model knows. */
function refuseFlat(name: string, folder: string): never {
  const message = `dcp: ${JSON.stringify(name)} is a flat buffer of FSDP, which does not say which parameters lie in it (${folder}${metadataName})`;
  throw new UnsupportedError("TENON_DCP_FLAT_PARAMETER", message, {
    details: { name, folder },
    hint: "Save with StateDictType.SHARDED_STATE_DICT or FULL_STATE_DICT.",
  });
}
