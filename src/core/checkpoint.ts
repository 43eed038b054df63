import type { JsonRecord } from "./json-value.ts";
import type { NameMeaning } from "./roles.ts";
import type { Tensor } from "./tensor.ts";

/** One stored tensor and what its name means. */
export interface Entry {
  readonly tensor: Tensor;
  readonly meaning: NameMeaning;
}

/** A file of the source, by its path relative to the source. */
export interface FileEntry {
  readonly path: string;
  readonly byteLength: number;
}

/**
 * Something that reading noticed and that does not stop it. The doctor turns observations into findings;
 * every code is listed in `docs/reference/findings.md`.
 */
export interface Observation {
  readonly code: string;
  /** Names that prove it (stored tensor names or files). */
  readonly names: readonly string[];
  readonly facts?: JsonRecord;
}

/** Parameters of the base model, under canonical names. */
export interface BaseComponent {
  readonly tensors: ReadonlyMap<string, Tensor>;
  /** Parsed config.json; null-prototype record. */
  readonly config?: JsonRecord;
  /**
   * Whether every parameter of the model is here. A hybrid adapter or a delta holds only those that moved and
   * needs a base to stand on.
   */
  readonly isComplete: boolean;
  /** Canonical name of an alias → canonical name of the tensor that is stored for both. */
  readonly ties: ReadonlyMap<string, string>;
  /** Shard file → canonical names in it, in file order: lets a writer keep the sharding. */
  readonly shards: ReadonlyMap<string, readonly string[]>;
  /** What a partial base stands on, if the source says so. Nobody has followed it. */
  readonly reference?: BaseReference;
}

/** The base that a partial one is completed by. */
export interface BaseReference {
  /** Path or `hf://org/name@revision`. */
  readonly location: string;
  /** Canonical name → digest of each tensor that the partial base relies on, as `<algorithm>:<hex>`. */
  readonly digests: ReadonlyMap<string, string>;
}

/** The low-rank tensors of one module. Shapes as PEFT stores them; see `docs/formats/peft.md`. */
export interface AdapterModule {
  /** Module path as in the base model. */
  readonly path: string;
  /** 0 for an ordinary module; n when n `base_layer` segments stand before `lora_A` (target_parameters, MHA). */
  readonly nesting: number;
  readonly loraA?: Tensor;
  readonly loraB?: Tensor;
  readonly loraEmbeddingA?: Tensor;
  readonly loraEmbeddingB?: Tensor;
  readonly magnitude?: Tensor;
  readonly loraBias?: Tensor;
  readonly loraDiag?: Tensor;
}

/** A base parameter that an adapter carries whole and that takes the base's place. */
export interface Replacement {
  readonly kind: "modulesToSave" | "bias" | "embedding" | "trainedBase";
  /** Canonical name of the base parameter. */
  readonly parameter: string;
  readonly tensor: Tensor;
}

export interface AdapterComponent {
  readonly name: string;
  /** Parsed adapter_config.json, if one was found or given. */
  readonly config?: JsonRecord;
  /** Where the config came from: a file of the source, `--adapter-config`, or derived from `--alpha`. */
  readonly configFrom?: string;
  /** Key: `<path>` or `<path>#<nesting>` when nesting > 0. */
  readonly modules: ReadonlyMap<string, AdapterModule>;
  readonly replacements: readonly Replacement[];
  /** Module path of an embedding → rows that replace the base's rows, shape (tokens, width). */
  readonly tokenDeltas: ReadonlyMap<string, Tensor>;
  /** Everything that was stored for this adapter, including what no field above names. */
  readonly entries: readonly Entry[];
}

/** Optimizer state as it was found. */
export interface OptimizerComponent {
  readonly file: string;
  /** State key (torch's running index, or a name) → state name (`exp_avg`) → tensor. */
  readonly states: ReadonlyMap<string, ReadonlyMap<string, Tensor>>;
  /** Keys of each param group, in order. */
  readonly groups: readonly { readonly parameters: readonly string[]; readonly settings: JsonRecord }[];
  /**
   * Why the parameters of a group are in another order than the optimizer was given them, where the file does not keep that
   * order. What counts parameters cannot be written then.
   */
  readonly orderUnknown?: string;
  /** How the running numbers of the file became names; absent where the file has names of its own. */
  readonly naming?: OptimizerNaming;
}

/** How an optimizer's running numbers became canonical names, or why some did not. */
export interface OptimizerNaming {
  /** Where the order of the parameters comes from. */
  readonly order: string;
  /** Why numbers are left among the keys; absent when there are none. */
  readonly obstacle?: string;
  /** Number → the names that it may stand for, where more than one fits. */
  readonly candidates?: ReadonlyMap<string, readonly string[]>;
}

/** Trainer state: JSON documents by file name. */
export interface TrainerComponent {
  readonly documents: ReadonlyMap<string, JsonRecord>;
}

/**
 * A checkpoint, opened from metadata alone. Components that the source lacks are absent.
 * Closing releases files; tensors must not be read after it.
 */
export interface Checkpoint extends AsyncDisposable {
  /** Absolute path or URL of the source. */
  readonly location: string;
  /** Name of the layout that read it. */
  readonly layout: string;
  /** Why that layout was chosen, one sentence each. */
  readonly evidence: readonly string[];
  readonly base?: BaseComponent;
  readonly adapters: ReadonlyMap<string, AdapterComponent>;
  readonly optimizer?: OptimizerComponent;
  readonly trainer?: TrainerComponent;
  /** Every stored tensor, in the order of files and of names within them. */
  readonly entries: readonly Entry[];
  readonly observations: readonly Observation[];
  /** Every file of the source. */
  readonly files: readonly FileEntry[];
  /** Files that belong to the model but hold no weights (tokenizer, generation config), to be copied along. */
  readonly companions: readonly FileEntry[];
  /** Reads a small file of the source whole. @throws FormatError when it is larger than `limits.documentBytes`. */
  readDocument(path: string): Promise<Uint8Array>;
  close(): Promise<void>;
}
