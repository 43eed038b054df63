import { adapterObservations } from "../adapters/index.ts";
import type { JsonRecord, Observation } from "../core/index.ts";
import { layoutObservations } from "../layouts/index.ts";
import type { ObservationInspection } from "./inspection.ts";

/** Names that a report lists of one thing; there are always counts beside them. */
const namesListed = 10;

/** One row a code: a code that was observed for each module would hide the others. */
export function observed(observations: readonly Observation[]): ObservationInspection[] {
  const meanings: Readonly<Record<string, string>> = { ...layoutObservations, ...adapterObservations };
  const byCode = new Map<string, { count: number; names: string[]; facts: JsonRecord[] }>();
  for (const { code, names, facts = {} } of observations) {
    const sum = byCode.get(code) ?? { count: 0, names: [], facts: [] };
    const { count = names.length } = facts;
    sum.count += typeof count === "number" ? count : names.length;
    sum.names.push(...names.slice(0, namesListed - sum.names.length));
    if (sum.facts.length < namesListed) sum.facts.push(facts);
    byCode.set(code, sum);
  }
  return [...byCode].map(([code, sum]) => ({ code, meaning: meanings[code] ?? null, ...sum }));
}
