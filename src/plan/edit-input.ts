import type { DType, Json, JsonRecord, Shape, TensorMeta } from "../core/index.ts";
import type { Carried } from "./carried.ts";
import type { MadeTensor } from "./made-tensor.ts";

/** An adapter to add, with fresh low-rank pairs. */
export interface NewAdapter {
  readonly name: string;
  /** The name of an adapter to take modules, shapes and config from, or the adapter_config.json that says them. */
  readonly like: string | JsonRecord;
}

/**
 * Changes of who is trained and how, by name. They are made in the order of these fields. A pattern is a canonical name in
 * which `*` stands for any run of characters, dots and colons included.
 */
export interface EditChanges {
  readonly removeAdapters?: readonly string[];
  /** Settings of groups that are added after those there are; what is not given is taken from the first group. */
  readonly newGroups?: readonly JsonRecord[];
  /** Lora ranks; alpha changes with them, so that the scaling stays. */
  readonly loraRanks?: readonly { readonly adapter: string; readonly loraRank: number }[];
  /** Lower a lora rank though what is cut off is not zero. */
  readonly truncate?: boolean;
  readonly addAdapters?: readonly NewAdapter[];
  /** Patterns of parameters that are trained no longer. */
  readonly freeze?: readonly string[];
  /** Patterns of parameters that are trained from now on. */
  readonly unfreeze?: readonly string[];
  /** Index of the param group for what is unfrozen or added. Default: the only one, or the one that its decay rule fits. */
  readonly paramGroup?: number;
  readonly moves?: readonly { readonly pattern: string; readonly paramGroup: number }[];
  readonly settings?: readonly { readonly paramGroup: number; readonly key: string; readonly value: Json }[];
  /** Of the values that new factors start with. Default 0. */
  readonly seed?: number;
}

export interface EditInput {
  readonly location: string;
  readonly carried: Carried;
  /** Parameters of the base below, by canonical name: they can be unfrozen and adapted too. */
  readonly known: ReadonlyMap<string, TensorMeta>;
  /** Ties of the base below: alias → the name that is stored. */
  readonly knownTies: ReadonlyMap<string, string>;
  /** Tensor id → value, of every `step` of the optimizer. */
  readonly stepValues: ReadonlyMap<string, number>;
  /** config.json of the model. */
  readonly modelConfig?: JsonRecord;
}

/** The settings of a param group and how many parameters it has; null where it is not there. */
export interface ParamGroupDifference {
  readonly paramGroup: number;
  readonly parametersBefore: number | null;
  readonly parametersAfter: number;
  /** All settings afterwards: learning rate, decay, betas. */
  readonly settings: JsonRecord;
  readonly changed: readonly { readonly key: string; readonly before: Json; readonly after: Json }[];
}

/** What an edit changes, known before anything is written. Plain data. */
export interface EditDifference {
  /** Values of the optimizer's `step`, each once, in ascending order. */
  readonly stepsBefore: readonly number[];
  readonly stepsAfter: readonly number[];
  /** Parameters that are trained (`requires_grad`). */
  readonly trainedBefore: number;
  readonly trainedAfter: number;
  readonly paramGroups: readonly ParamGroupDifference[];
  /** Canonical names, trained no longer; their optimizer state goes. */
  readonly frozen: readonly string[];
  /** Of `frozen`: those whose fp32 master is not exactly the stored weight, which stays. */
  readonly rounded: readonly string[];
  readonly unfrozen: readonly { readonly name: string; readonly paramGroup: number }[];
  readonly moved: readonly { readonly name: string; readonly from: number; readonly to: number }[];
  readonly adaptersAdded: readonly {
    readonly name: string;
    readonly modules: number;
    readonly parameters: number;
  }[];
  readonly adaptersRemoved: readonly string[];
  readonly loraRanks: readonly LoraRankDifference[];
  /** Tensors that no source has: zeros, seeded values, copies that grew. `<parameter>` or `<parameter>/<state>`. */
  readonly made: readonly {
    readonly name: string;
    readonly dtype: DType;
    readonly shape: Shape;
    readonly how: string;
  }[];
  /** Tensors that go: `<parameter>` or `<parameter>/<state>`. */
  readonly dropped: readonly string[];
  /** What whoever resumes must know, one sentence each. */
  readonly notes: readonly string[];
}

export interface LoraRankDifference {
  readonly adapter: string;
  readonly modules: number;
  readonly before: readonly number[];
  readonly after: number;
  readonly loraAlpha: readonly number[];
  /** Whether something other than zeros may have been cut off. */
  readonly isTruncated: boolean;
}

/** Whether a weight is exactly its fp32 master; only bytes can tell. */
export interface MasterQuestion {
  readonly name: string;
  readonly model: TensorMeta;
  readonly master: TensorMeta;
}

/** Whether the ranks from `from` on of a pair contribute nothing; only bytes can tell. */
export interface RankQuestion {
  readonly adapter: string;
  readonly module: string;
  /** (r, …), or (…, r) for `b`. */
  readonly a: TensorMeta;
  readonly b: TensorMeta;
  readonly from: number;
}

export interface EditPlan {
  readonly carried: Carried;
  readonly made: readonly MadeTensor[];
  /** Complete but for `rounded`, which the answers to `masters` give. */
  readonly difference: EditDifference;
  readonly masters: readonly MasterQuestion[];
  readonly ranks: readonly RankQuestion[];
}
