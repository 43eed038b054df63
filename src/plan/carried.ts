import type {
  BaseComponent,
  DraftAdapter,
  DraftOptimizer,
  Recipe,
  Replacement,
  TensorMeta,
  TrainerComponent,
} from "../core/index.ts";

export interface CarryOptions {
  /** Named in messages. */
  readonly verb: string;
  readonly drop?: readonly string[];
  /** Name of the target layout. */
  readonly target: string;
  /** What the target has a place for beyond base and adapters; masters are fp32 copies of weights in the optimizer. */
  readonly holds: readonly ("optimizer" | "masters" | "trainer")[];
  /** Documents of the trainer's state that the target has no place for, where it has one for others. */
  readonly unheld?: readonly string[];
}

/** What goes along. */
export interface Carried {
  /** The source's base with what adapters carried of it. */
  readonly base?: BaseComponent;
  readonly adapters: readonly CarriedAdapter[];
  readonly optimizer?: DraftOptimizer;
  readonly trainer?: TrainerComponent;
}

export interface CarriedAdapter extends DraftAdapter {
  /** Base parameters that stay with the adapter, by canonical name, with what they are in PEFT. */
  readonly replacements: ReadonlyMap<string, Replacement["kind"]>;
}

/** A tensor as it is. */
export function keep(tensor: TensorMeta): Recipe {
  return { source: tensor, dtype: tensor.dtype, shape: tensor.shape, steps: [] };
}
