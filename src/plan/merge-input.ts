import type { AdapterComponent, DType, JsonRecord, Tensor } from "../core/index.ts";
import type { BaseLayer } from "./base.ts";

/** An adapter that is to be merged. */
export interface AdapterChoice {
  /** What messages and the certificate call it; unique within a merge. */
  readonly label: string;
  /** Location of its source. */
  readonly source: string;
  readonly adapter: AdapterComponent;
  /** Multiplies every scaling, as PEFT's `scale_layer` does. 1: as trained. */
  readonly weight: number;
  /** The adapter as it was before training, where its initialisation was subtracted from the base. */
  readonly initial?: AdapterComponent;
  /** The caller says that the base is the one that the initialisation left behind. */
  readonly hasResidualBase?: boolean;
}

/** What a master was found for. */
export interface PlacedMaster {
  /** Location of the checkpoint that holds it. */
  readonly source: string;
  /** Canonical name, as the optimizer has it. */
  readonly name: string;
  /** The model's own tensor. */
  readonly model: Tensor;
  readonly master: Tensor;
}

/** Masters of everything that a merge reads. */
export interface Masters {
  /** Canonical name of a base parameter → its master. */
  readonly base: ReadonlyMap<string, Tensor>;
  /** Every one that was found. */
  readonly placed: readonly PlacedMaster[];
}

/** Canonical names of parameters that a merge took from the masters of one checkpoint. */
export interface MasterUse {
  readonly source: string;
  readonly tensors: readonly string[];
}

export interface MergeInput {
  /** The lowest first. */
  readonly bases: readonly BaseLayer[];
  /** In the order in which they are merged. */
  readonly adapters: readonly AdapterChoice[];
  readonly companions: readonly { readonly path: string; readonly source: string }[];
  readonly origin: JsonRecord;
  /** Ids of tensors whose bytes are known to be the same, as `<id>\n<id>`. Absent: not known. */
  readonly sameBytes?: ReadonlySet<string>;
  /** Of base parameters, to start from; the adapters have theirs already. Absent: the model's own tensors count. */
  readonly masters?: Masters;
}

export type FloatOutput = "keep" | Extract<DType, "BF16" | "F16" | "F32">;

/**
 * What happens to an alias of a tied weight.
 * - `auto`: it stays tied where both uses change alike, and becomes a tensor of its own where they do not
 * - `keep`: every change goes to the one tensor, in the order of the model, as PEFT's merge does
 * - `untie`: it becomes a tensor of its own wherever an adapter touches either use
 */
export type TiePolicy = "auto" | "keep" | "untie";

export interface MergeOptions {
  /** `twice` rounds each delta to the base's dtype before the sum (PEFT's `safe_merge`). Default `once`. */
  readonly rounding?: "once" | "twice";
  /** Dtype of floating-point parameters in the output. Default `keep`. */
  readonly dtype?: FloatOutput;
  readonly ties?: TiePolicy;
  /** Adapter tensors that match nothing are listed instead of refused. */
  readonly allowUnmatched?: boolean;
  /** Canonical names of base parameters to leave out. */
  readonly drop?: readonly string[];
}

/** A stored adapter tensor that took no part, and why. */
export interface UnusedTensor {
  readonly name: string;
  readonly reason: string;
}

/** What a merge makes of one adapter. */
export interface AdapterUse {
  readonly label: string;
  readonly source: string;
  readonly name: string;
  readonly weight: number;
  /** Stored names. */
  readonly used: readonly string[];
  /** Matched nothing. */
  readonly unused: readonly UnusedTensor[];
  /** Known to have no part in a merge. */
  readonly ignored: readonly UnusedTensor[];
  /** Module path, or `<module>.<parameter>`, → alpha / r or alpha / √r, before `weight`. */
  readonly scaling: ReadonlyMap<string, number>;
}

export interface TieOutcome {
  readonly alias: string;
  readonly owner: string;
  readonly action: "kept" | "untied";
  readonly reason: string;
}
