// DeepSpeed's own record of where parameters lie. With round_robin_gradients it is made from the list before it is
// shuffled, so it is compared with the shapes and never followed.
import type { Observation } from "../../core/index.ts";
import { PickleRecord } from "../../pickle/index.ts";
import { countOf, Fields, malformed } from "./fields.ts";
import type { PlacedParameter } from "./placed.ts";

/** Elements of one parameter in one worker's share of a flat buffer. */
export interface Fragment {
  readonly start: number;
  readonly count: number;
}

export function readMappings(fields: Fields): readonly ReadonlyMap<string, Fragment>[] | undefined {
  return fields.list("param_slice_mappings")?.map((group, at) => {
    const what = `param_slice_mappings[${at}]`;
    const found = new Map<string, Fragment>();
    for (const [name, address] of new Fields(group, what, fields.path).map) {
      if (typeof name !== "string" || !(address instanceof PickleRecord))
        throw malformed(what, address, "a fragment_address by name", fields.path);
      const numbers = address.fields;
      found.set(name, {
        start: countOf(numbers.get("start"), `${what}.start`, fields.path),
        count: countOf(numbers.get("numel"), `${what}.numel`, fields.path),
      });
    }
    return found;
  });
}

/** What the mappings of all workers say otherwise than the shapes; undefined when they agree. */
export function compareMappings(
  parameters: readonly PlacedParameter[],
  workers: readonly {
    readonly path: string;
    readonly mappings: readonly ReadonlyMap<string, Fragment>[] | undefined;
  }[],
): Observation | undefined {
  const disagreeing = new Set<string>();
  const files = new Set<string>();
  const expected = workers.map(() => new Map<string, Fragment>());
  for (const { name, runs } of parameters)
    for (const { worker, start, count } of runs()) expected[worker]?.set(name, { start, count });
  for (const [worker, { path, mappings }] of workers.entries()) {
    if (mappings === undefined) continue;
    const stated = new Map(mappings.flatMap((group) => [...group]));
    for (const name of new Set([...stated.keys(), ...(expected[worker]?.keys() ?? [])])) {
      const [one, other] = [stated.get(name), expected[worker]?.get(name)];
      if (one?.start === other?.start && one?.count === other?.count) continue;
      disagreeing.add(name);
      files.add(path);
    }
  }
  if (disagreeing.size === 0) return undefined;
  return {
    code: "TENON_ZERO_MAPPINGS_DISAGREE",
    names: [...disagreeing],
    facts: { count: disagreeing.size, files: [...files].slice(0, 10) },
  };
}
