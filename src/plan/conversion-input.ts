import type { Draft, JsonRecord } from "../core/index.ts";
import type { BaseBelow, BaseBits } from "./base-delta.ts";
import type { Carried } from "./carried.ts";
import type { Components } from "./drops.ts";

/**
 * How much of a base a target takes.
 * - `delta`: all of it, or with a base below only what differs and a reference to the rest
 * - `moved`: what there is, or with a base below only what differs
 * - `whole`: all of it; a base below fills up what is missing
 */
export type BaseForm = "delta" | "moved" | "whole";

export interface ConversionInput {
  readonly source: Components;
  readonly carried: Carried;
  /** What the source stands on. */
  readonly below?: BaseBelow;
  /** Needed with `below`, but for a `whole` form. */
  readonly bits?: BaseBits;
  /** Tied aliases of which an adapter carries a copy that has the bits of their owner. */
  readonly tiedCopies?: ReadonlySet<string>;
  readonly companions: Draft["companions"];
  readonly origin: JsonRecord;
}

export interface ConversionOptions {
  readonly verb: string;
  readonly target: string;
  readonly form: BaseForm;
}

export interface ConversionPlan {
  readonly draft: Draft;
  /** Base parameters that an adapter carried and that are now the base's own, because the target knows only one. */
  readonly folded: readonly string[];
}
