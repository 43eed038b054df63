import type { TensorMeta } from "../core/index.ts";

/** Values that no file holds. */
export type Fill =
  | { readonly kind: "zeros" }
  /** Uniform in [-bound, bound), each value by its index from `seed` and `stream`, rounded to the dtype. */
  | { readonly kind: "uniform"; readonly bound: number; readonly seed: number; readonly stream: string };

/** How a tensor comes about that no file holds as it is. */
export type Making =
  | { readonly kind: "filled"; readonly fill: Fill }
  /** The first part of `source` along an axis, and what is missing there filled up. */
  | { readonly kind: "resized"; readonly source: TensorMeta; readonly axis: 0 | 1; readonly fill: Fill };

/** A tensor of an edit: its bytes follow from `making`, tile by tile. */
export interface MadeTensor extends TensorMeta {
  readonly making: Making;
}

export const zeros: Fill = { kind: "zeros" };

/** For a person. */
export function howMade({ making, shape }: MadeTensor): string {
  const { fill } = making;
  const values = fill.kind === "zeros" ? "zeros" : `seeded values within ±${fill.bound.toPrecision(3)}`;
  if (making.kind === "filled") return values;
  const [before = 0, after = 0] = [making.source.shape[making.axis], shape[making.axis]];
  const along = making.axis === 0 ? "rows" : "columns";
  return before > after
    ? `${before} ${along} cut to ${after}`
    : `${before} ${along} and ${values} up to ${after}`;
}
