import type { DType, JsonRecord, Shape } from "../core/index.ts";

/** What a checkpoint is: plain data, the same whatever the layout. */
export interface Inspection {
  readonly location: string;
  readonly layout: string;
  /** Why that layout was chosen, one sentence each. */
  readonly evidence: readonly string[];
  readonly files: { readonly count: number; readonly bytes: number };
  /** Files without weights that belong to the model. */
  readonly companions: readonly string[];
  /** Null where the source holds no base parameter outside of adapter files. */
  readonly base: BaseInspection | null;
  readonly adapters: readonly AdapterInspection[];
  readonly optimizer: OptimizerInspection | null;
  /** Names of the trainer's documents, and how far it was. */
  readonly trainer: {
    readonly documents: readonly string[];
    readonly step: number | null;
    readonly epoch: number | null;
  } | null;
  /** Stored tensors that belong to no component: foreign, quantisation state, buffers of an adapter. */
  readonly others: readonly {
    readonly role: string;
    readonly count: number;
    readonly names: readonly string[];
  }[];
  readonly observations: readonly ObservationInspection[];
  /** Every stored tensor, where it was asked for. */
  readonly tensors?: readonly TensorInspection[];
  /** What differs from a base, where one was given. */
  readonly moved?: MovedInspection;
}

/** Tensors counted together. */
export interface TensorTotals {
  readonly tensors: number;
  /** Elements. */
  readonly parameters: number;
  readonly bytes: number;
  readonly byDtype: readonly { readonly dtype: DType; readonly tensors: number; readonly bytes: number }[];
}

/** Tensors whose names differ only in numbers: `model.layers.*.mlp.up_proj.weight`. */
export interface TensorKind extends TensorTotals {
  readonly kind: string;
}

export interface BaseInspection extends TensorTotals {
  /** Whether every parameter of the model is here. */
  readonly isComplete: boolean;
  /** `model_type` of config.json. */
  readonly modelType: string | null;
  readonly ties: readonly { readonly alias: string; readonly owner: string }[];
  /** What a partial base stands on, if the source says so. */
  readonly reference: string | null;
  readonly shards: number;
  readonly kinds: readonly TensorKind[];
}

export interface AdapterInspection extends TensorTotals {
  readonly name: string;
  /** File of the config, or what it was derived from; null where there is none. */
  readonly configFrom: string | null;
  /** `peft_type` of the config. */
  readonly type: string | null;
  /** Why the config cannot be used, in the words of the error. */
  readonly problem: { readonly code: string; readonly message: string } | null;
  readonly baseModel: string | null;
  /** Different values over its modules, most frequent first; scalings are null where no config says alpha. */
  readonly ranks: readonly ModuleSetting[];
  readonly scalings: readonly ModuleSetting[] | null;
  readonly loraAlpha: number | null;
  readonly useRslora: boolean;
  readonly useDora: boolean;
  readonly hasLoraBias: boolean;
  /** `init_lora_weights` where it is not the plain initialisation. */
  readonly initialisation: string | null;
  readonly modules: number;
  /** Wrapped modules by the last segment of their path. */
  readonly targets: readonly { readonly name: string; readonly modules: number }[];
  /** Base parameters that the adapter carries whole, by why. */
  readonly replaced: readonly {
    readonly kind: string;
    readonly count: number;
    readonly names: readonly string[];
  }[];
  /** Embeddings of which it replaces rows. */
  readonly tokenRows: readonly { readonly module: string; readonly rows: number }[];
}

export interface ModuleSetting {
  readonly value: number;
  readonly modules: number;
}

export interface OptimizerInspection {
  readonly file: string;
  /** Parameters that it has state of. */
  readonly states: number;
  readonly bytes: number;
  /** Names of state tensors (`exp_avg`), with how many parameters have them. */
  readonly stateNames: readonly { readonly name: string; readonly count: number }[];
  readonly groups: readonly { readonly parameters: number; readonly settings: JsonRecord }[];
}

export interface ObservationInspection {
  readonly code: string;
  /** One sentence; null for a code of a layout of one's own. */
  readonly meaning: string | null;
  /** How many names it is about. */
  readonly count: number;
  /** At most ten of them. */
  readonly names: readonly string[];
  /** Facts of each time it was observed, at most ten. */
  readonly facts: readonly JsonRecord[];
}

export interface TensorInspection {
  readonly name: string;
  readonly role: string;
  /** Name that every layout maps to. */
  readonly canonicalName: string;
  readonly dtype: DType;
  readonly shape: Shape;
  readonly bytes: number;
  readonly file: string;
}

/** Base parameters of the source compared, bit for bit, with those of a base. */
export interface MovedInspection {
  /** Location of the base. */
  readonly base: string;
  readonly compared: number;
  readonly equal: number;
  readonly changed: number;
  /** Of each kind of parameter that is in both: how many changed. */
  readonly kinds: readonly { readonly kind: string; readonly compared: number; readonly changed: number }[];
  /** Canonical names. */
  readonly changedNames: readonly string[];
  /** In the source, not in the base. */
  readonly addedNames: readonly string[];
  /** In the base, not in the source, although the source is complete. */
  readonly missingNames: readonly string[];
  /** In both, with another shape. */
  readonly reshaped: readonly { readonly name: string; readonly shape: Shape; readonly baseShape: Shape }[];
}
