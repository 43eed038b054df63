import type { BaseReference, OptimizerComponent, TrainerComponent } from "./checkpoint.ts";
import type { DType, Shape } from "./dtype.ts";
import type { JsonRecord } from "./json-value.ts";
import type { NameMeaning } from "./roles.ts";
import type { TensorMeta } from "./tensor.ts";

/**
 * A factor of a low-rank product, addressed inside a stored tensor in elements: element (i, k) of batch e is at
 * `offset + e*batch + i*outer + k*inner`, where `inner` always steps along the rank.
 */
export interface Factor {
  readonly tensor: TensorMeta;
  readonly offset: number;
  readonly batch: number;
  readonly outer: number;
  readonly inner: number;
}

/**
 * How a tensor that is `batches × rows × cols` (row-major) changes. All arithmetic is f32 unless the tensor is F64.
 *
 * - `addLowRank`: W + scaling·(L·R), L (rows, rank), R (rank, cols), summed over k in order from 0.
 *   `roundDelta` rounds the product to W's dtype before the sum (PEFT's `safe_merge`, and the layer kinds that
 *   always do so).
 * - `dora`: m/‖W + D‖ ∘ (W + D) with the norm over each row or each column.
 * - `addVector`: w + scaling·v, elementwise.
 * - `replaceRows`: row `indices[i]` becomes row i of `tensor`.
 */
export type Step =
  | (LowRank & { readonly kind: "addLowRank"; readonly roundDelta: boolean })
  | (LowRank & { readonly kind: "dora"; readonly magnitude: TensorMeta; readonly norm: "row" | "column" })
  | {
      readonly kind: "addVector";
      readonly tensor: TensorMeta;
      readonly scaling: number;
      readonly adapter: string;
    }
  | {
      readonly kind: "replaceRows";
      readonly tensor: TensorMeta;
      readonly indices: readonly number[];
      readonly adapter: string;
    };

export interface LowRank {
  readonly left: Factor;
  readonly right: Factor;
  readonly batches: number;
  readonly rows: number;
  readonly cols: number;
  readonly loraRank: number;
  readonly scaling: number;
  readonly adapter: string;
  /** Module path that the scaling was resolved for. */
  readonly module: string;
}

/** How one output tensor comes about. Pure data. */
export interface Recipe {
  readonly source: TensorMeta;
  readonly dtype: DType;
  readonly shape: Shape;
  readonly steps: readonly Step[];
  /**
   * A part of the source: the byte at which it begins. Its bytes stay as they are, so there are no steps and no other dtype.
   * Absent: the whole source.
   */
  readonly sourceByteOffset?: number;
}

/** The adapter half of a draft: recipes with the meaning that each layout spells in its own way. */
export interface DraftAdapter {
  readonly name: string;
  readonly config: JsonRecord;
  readonly parameters: readonly { readonly meaning: NameMeaning; readonly recipe: Recipe }[];
}

export interface DraftBase {
  /** Canonical name → recipe. */
  readonly tensors: ReadonlyMap<string, Recipe>;
  readonly config?: JsonRecord;
  readonly isComplete: boolean;
  /** Tied aliases that are not stored, as alias → owner. */
  readonly ties: ReadonlyMap<string, string>;
  /** Shard file → canonical names, when the sharding of a source is to be kept. */
  readonly shards?: ReadonlyMap<string, readonly string[]>;
  /** What a partial base stands on. */
  readonly reference?: BaseReference;
}

/** Optimizer state whose parameters are known by name. */
export interface DraftOptimizer {
  /** Canonical name of a parameter → state name (`exp_avg`, `step`) → recipe. */
  readonly states: ReadonlyMap<string, ReadonlyMap<string, Recipe>>;
  readonly groups: OptimizerComponent["groups"];
  /** @see OptimizerComponent.orderUnknown */
  readonly orderUnknown?: string;
  /** Parameters among the states that were trained and whose weights were not saved: those of another base are not theirs. */
  readonly weightsLost?: readonly string[];
}

/** A checkpoint about to be written: the same components, with recipes in the place of tensors. */
export interface Draft {
  readonly base?: DraftBase;
  readonly adapters: readonly DraftAdapter[];
  /** Absent: the output has none. */
  readonly optimizer?: DraftOptimizer;
  /** Absent: the output has none. */
  readonly trainer?: TrainerComponent;
  /** Files copied as they are: path in the output → path in the source. */
  readonly companions: readonly { readonly path: string; readonly source: string }[];
  /** Facts for manifests: where it came from, which tool and version. */
  readonly origin: JsonRecord;
}

/** What a layout makes of a draft: files, with nothing laid out in bytes yet. */
export type OutputFile =
  | {
      readonly kind: "tensors";
      readonly path: string;
      /** Name of the format that writes it. */
      readonly format: string;
      readonly entries: readonly { readonly name: string; readonly recipe: Recipe }[];
      readonly metadata: Readonly<Record<string, string>>;
      /** More names for tensors among the entries, alias → name; only for a format that keeps them. */
      readonly aliases?: ReadonlyMap<string, string>;
      /**
       * What the file holds when it is no flat dict, for a format that keeps objects: for torch a pickle value with a place
       * for each entry, or several, which become archives one after another.
       */
      readonly objects?: readonly unknown[];
    }
  | { readonly kind: "text"; readonly path: string; readonly text: string }
  | { readonly kind: "bytes"; readonly path: string; readonly bytes: Uint8Array }
  | { readonly kind: "copy"; readonly path: string; readonly source: string };
