import type { Tensor } from "../core/index.ts";

/** A tensor under the name that the saving program gave it, before anybody asked what the name means. */
export interface StoredTensor {
  readonly name: string;
  readonly tensor: Tensor;
}
