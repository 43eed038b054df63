import type { BaseComponent, TensorMeta } from "../core/index.ts";

/** The base that a checkpoint stands on, given apart. */
export interface KnownBase {
  /** By canonical name. */
  readonly tensors: ReadonlyMap<string, TensorMeta>;
  readonly ties: BaseComponent["ties"];
  readonly config?: BaseComponent["config"];
}
