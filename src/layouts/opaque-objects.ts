import { HostValue, OpaqueObject, PickleRecord, type PickleValue } from "../pickle/index.ts";

/**
 * Classes, as `module name`, of the objects in a pickle that are not on the allow-list: kept as records, never run. In the
 * order in which they are met, each once.
 */
export function opaqueClassesIn(object: unknown): readonly string[] {
  const classes = new Set<string>();
  const seen = new Set<object>();
  // A list of its own instead of the stack: how deep objects nest is up to the file.
  const waiting: PickleValue[] = [object as PickleValue];
  for (let value = waiting.pop(); value !== undefined; value = waiting.pop()) {
    if (typeof value !== "object" || value === null || value instanceof Uint8Array || seen.has(value))
      continue;
    seen.add(value);
    if (value instanceof OpaqueObject) classes.add(value.global);
    waiting.push(...[...insideOf(value)].reverse());
  }
  return [...classes];
}

function* insideOf(value: object): Generator<PickleValue> {
  if (Array.isArray(value) || value instanceof Set) yield* value as Iterable<PickleValue>;
  else if (value instanceof Map) for (const pair of value) yield* pair as Iterable<PickleValue>;
  else if (value instanceof HostValue) yield* value.children();
  else if (value instanceof PickleRecord) {
    yield* [...value.args, ...value.items, value.entries];
    if (value.kwargs !== undefined) yield value.kwargs;
    if (value.state !== undefined) yield value.state;
  }
}
