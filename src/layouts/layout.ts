import type { SourceTree } from "../bytes/index.ts";
import type {
  Checkpoint,
  Draft,
  JsonRecord,
  Observation,
  OutputFile,
  TensorMeta,
  TrainerComponent,
} from "../core/index.ts";
import type { Format } from "../formats/index.ts";
import type { FoundConfig } from "./found-config.ts";
import type { KnownBase } from "./known-base.ts";

/** How sure a layout is, and why. Evidence is given for `no` too: it is shown when nothing matches. */
export interface Sniff {
  readonly match: "yes" | "maybe" | "no";
  readonly evidence: readonly string[];
}

/** A written file, as a manifest records it. */
export interface WrittenFile {
  /** Relative to the output. */
  readonly path: string;
  readonly byteLength: number;
  /** SHA-256 of the whole file, 64 lower-case hex digits. */
  readonly sha256: string;
}

export interface OpenOptions {
  readonly formats: readonly Format[];
  readonly signal?: AbortSignal;
  /** Given by the user in the place of what the source says: `--adapter-config`. */
  readonly adapterConfig?: JsonRecord;
  /** `lora_alpha` that the user told, for a layout whose own config says two: `--alpha`. */
  readonly alpha?: number;
  /** Configs by adapter name that lie around the source or follow from `--alpha`, for adapters that have none in it. */
  readonly configsAround?: ReadonlyMap<string, FoundConfig>;
  /** Canonical names of the base that this stands on: stored names are then fitted to them. */
  readonly knownBaseNames?: ReadonlySet<string>;
  /** That base itself, where it was opened: what an optimizer trained of it can then be named. */
  readonly knownBase?: KnownBase;
  /** Names of parameters in the order of an optimizer's running numbers: `--param-order`. */
  readonly paramOrder?: readonly string[];
  /** Damage that can be stepped over goes here instead of being thrown (the doctor listens). */
  readonly report?: (observation: Observation) => void;
}

export interface SniffOptions {
  readonly formats?: readonly Format[];
  readonly signal?: AbortSignal;
}

export type OutputText = Extract<OutputFile, { readonly kind: "text" }>;

export interface ArrangeOptions {
  /** Largest size of one tensor file in bytes; a single larger tensor gets a file of its own. */
  readonly maxShardBytes?: number;
  /**
   * The output is one file for torch.load (`-o model.pt`). A layout that can be one writes the tensors alone, in the format
   * torch; another takes no notice.
   */
  readonly isTorchFile?: boolean;
}

/** How files make a checkpoint. */
export interface Layout {
  readonly name: string;
  readonly canRead: boolean;
  readonly canWrite: boolean;
  /**
   * Names of the layouts that this one says more than: whatever it matches, they may match too, and it wins.
   * A trainer checkpoint is a model directory with more in it, so `trainer` refines `hf`. Not transitive.
   */
  readonly refines: readonly string[];
  /** Looks at names, and at headers of files where names are not enough. Without `formats`: tenon's own. */
  sniff(tree: SourceTree, options?: SniffOptions): Promise<Sniff>;
  /** Reads metadata only. The checkpoint owns the files it opens; `tree` belongs to the caller until then. */
  open(tree: SourceTree, options: OpenOptions): Promise<Checkpoint>;
  /** Present when `canWrite`. Names every file and the tensors in it. @throws PlanError for what it cannot hold. */
  arrange?(draft: Draft, options: ArrangeOptions): readonly OutputFile[] | Promise<readonly OutputFile[]>;
  /**
   * Present when the layout has files for some documents of a trainer's state.
   * @returns the names of those that it has none for
   */
  unplaced?(trainer: TrainerComponent): readonly string[];
  /**
   * Present when metadata does not show whether the layout can hold a draft. Called after `arrange`, before anything is
   * written; `read` gives the bytes of a small tensor of the draft, such as a step.
   * @returns what whoever loads the output must know, one sentence each, for the report
   * @throws PlanError for what it cannot hold
   */
  examine?(draft: Draft, read: (tensor: TensorMeta) => Promise<Uint8Array>): Promise<readonly string[]>;
  /**
   * Present when the layout has documents that state the sizes and digests of its other files (a manifest). `arrange`
   * leaves them out. Whoever executes calls this once every file of `arrange` is written, with all of them, and writes
   * the texts last, before the commit.
   */
  finish?(draft: Draft, written: readonly WrittenFile[]): readonly OutputText[];
}
