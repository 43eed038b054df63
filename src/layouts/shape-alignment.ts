import type { Shape } from "../core/index.ts";

/** A parameter that may be one of those an optimizer counts. */
export interface Alignable {
  readonly shape: Shape;
  /** Parameters that the model never uses get no gradient, so no state is theirs. */
  readonly isUnused: boolean;
}

/** What an optimizer keeps of one of its parameters: undefined when no state tells the shape. */
export interface Counted {
  readonly shape: Shape | undefined;
  readonly hasState: boolean;
}

/** Position of each counted parameter among the candidates, as early and as late as it can be. */
export interface Alignment {
  readonly earliest: readonly number[];
  readonly latest: readonly number[];
}

/**
 * Fits the parameters that an optimizer counts into a longer list of candidates in the same order: the frozen ones are
 * passed over. Where the earliest and the latest place agree, no other place fits; where they differ, two do.
 * Undefined when they fit nowhere.
 */
export function align(counted: readonly Counted[], candidates: readonly Alignable[]): Alignment | undefined {
  const earliest = greedy(counted, candidates);
  if (earliest === undefined) return undefined;
  const backwards = greedy([...counted].reverse(), [...candidates].reverse());
  if (backwards === undefined) return undefined;
  return { earliest, latest: backwards.map((at) => candidates.length - 1 - at).reverse() };
}

function greedy(counted: readonly Counted[], candidates: readonly Alignable[]): number[] | undefined {
  const places: number[] = [];
  let at = 0;
  for (const one of counted) {
    while (at < candidates.length && !fits(one, candidates[at] as Alignable)) at++;
    if (at === candidates.length) return undefined;
    places.push(at++);
  }
  return places;
}

export function fits({ shape, hasState }: Counted, candidate: Alignable): boolean {
  if (hasState && candidate.isUnused) return false;
  return shape === undefined || sameShape(shape, candidate.shape);
}

function sameShape(one: Shape, other: Shape): boolean {
  return one.length === other.length && one.every((size, axis) => size === other[axis]);
}
