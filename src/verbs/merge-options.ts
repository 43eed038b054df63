import type { MergeOptions as MergePlanOptions } from "../plan/index.ts";
import type { AdapterWish } from "./adapter-choices.ts";
import type { Source } from "./host.ts";
import type { ReadOptions, WriteOptions } from "./options.ts";

export interface MergeOptions extends ReadOptions, WriteOptions, MergePlanOptions {
  /** The base model, where the source is an adapter or holds only what moved. */
  readonly base?: Source;
  /** Further adapters, merged after those of the source. */
  readonly adapters?: readonly Source[];
  /** Which adapters, in which order, by name or label. Default: the one that each source has. */
  readonly choose?: readonly AdapterWish[];
  /** The adapter as it was before training, where its initialisation changed the base (PiSSA, OLoRA, …). */
  readonly initialAdapter?: Source;
  /** The base is the one that such an initialisation left behind. */
  readonly hasResidualBase?: boolean;
  /** Merge though it was observed that trained base weights are lost: the result lacks what they had learnt. */
  readonly allowLostBase?: boolean;
  /**
   * Start from the fp32 masters that the optimizer holds, wherever there is one, in the place of the model's own tensors; the
   * result is rounded once, to the dtype that the model's tensor has.
   */
  readonly fromMaster?: boolean;
  /** `muladd` (default) gives the same bits everywhere; `fma` gives torch's on a CPU. */
  readonly accumulate?: "muladd" | "fma";
  /** What is taken of the output: `fast` (default) one digest a tensor, `sha256` of each file as well, or `none`. */
  readonly digest?: "fast" | "sha256" | "none";
  /** Rows compared with an f64 reference: a seeded `sample` (default), all (`full`), or `none`. */
  readonly prove?: "sample" | "full" | "none";
}
