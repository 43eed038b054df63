// Fits the param groups of an optimizer to the parameters of a live model: one rule of cutting them after the other.
import type { GroupingRule } from "../adapters/index.ts";
import type { OptimizerComponent } from "../core/index.ts";
import type { LiveParameters } from "./live-parameters.ts";
import { parameterShape } from "./lost-base.ts";
import { type Alignable, align, type Counted, fits } from "./shape-alignment.ts";

/** Number → every name that fits; undefined among them: a parameter that the checkpoint does not hold. */
export type Names = ReadonlyMap<string, ReadonlySet<string | undefined>>;

/** The names that one rule leaves possible; undefined when it does not fit. */
export function namesBy(
  rule: GroupingRule,
  optimizer: OptimizerComponent,
  live: LiveParameters,
): Names | undefined {
  const groups = optimizer.groups;
  if (rule.groups !== groups.length) return undefined;
  const names = new Map<string, Set<string | undefined>>();
  for (const [at, { parameters: numbers }] of groups.entries()) {
    const candidates = live.parameters.filter(
      ({ liveName, shape }) => rule.groupOf({ liveName, axes: shape.length }) === at,
    );
    const counted = numbers.map((number) => countedFor(optimizer, number));
    const found = live.isWhole ? align(counted, candidates) : alignInside(counted, candidates);
    if (found === undefined) return undefined;
    for (const [index, number] of numbers.entries()) {
      const places = [found.earliest[index], found.latest[index]];
      names.set(number, new Set(places.map((place) => candidates[place ?? -1]?.name)));
    }
  }
  return names;
}

/**
 * Where only the adapters are known: all of theirs must be among the counted, which may be more. What none of them takes
 * has no place (-1).
 */
function alignInside(
  counted: readonly Counted[],
  candidates: readonly Alignable[],
): { readonly earliest: readonly number[]; readonly latest: readonly number[] } | undefined {
  const first = placesOf(counted, candidates);
  const last = placesOf([...counted].reverse(), [...candidates].reverse());
  if (first === undefined || last === undefined) return undefined;
  const earliest = counted.map(() => -1);
  const latest = counted.map(() => -1);
  for (const [at, place] of first.entries()) earliest[place] = at;
  for (const [at, place] of last.entries()) latest[counted.length - 1 - place] = candidates.length - 1 - at;
  return { earliest, latest };
}

/** For each candidate the first counted parameter that it can be, in order. */
function placesOf(counted: readonly Counted[], candidates: readonly Alignable[]): number[] | undefined {
  const places: number[] = [];
  let at = 0;
  for (const candidate of candidates) {
    while (at < counted.length && !fits(counted[at] as Counted, candidate)) at++;
    if (at === counted.length) return undefined;
    places.push(at++);
  }
  return places;
}

/** What the states of a number say about its parameter. */
export function countedFor({ states }: OptimizerComponent, number: string): Counted {
  const state = states.get(number);
  const hasState = state !== undefined && state.size > 0;
  return { shape: hasState ? parameterShape(state) : undefined, hasState };
}

/** What one rule or another leaves possible. */
export function united(all: readonly Names[]): Names {
  const union = new Map<string, Set<string | undefined>>();
  for (const names of all)
    for (const [number, own] of names) {
      const known = union.get(number) ?? new Set<string | undefined>();
      for (const name of own) known.add(name);
      union.set(number, known);
    }
  return union;
}
