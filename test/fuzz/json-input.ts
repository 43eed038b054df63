import { edges } from "./mutate.ts";
import type { Random } from "./random.ts";

/** Any small JSON value; texts come from `names`, since those of chance mean nothing to a reader. */
export function anyJsonValue(random: Random, names: readonly string[], depth = 0): unknown {
  switch (random.below(depth > 2 ? 5 : 7)) {
    case 0:
      return null;
    case 1:
      return random.below(2) === 0;
    case 2:
      return Number(random.pick(edges)) * random.pick([1, -1, 0.5, 1e300]);
    case 3:
    case 4:
      return random.pick(names);
    case 5:
      return Array.from({ length: random.below(4) }, () => anyJsonValue(random, names, depth + 1));
    default:
      return Object.fromEntries(
        Array.from({ length: random.below(4) }, () => [
          random.pick(names),
          anyJsonValue(random, names, depth + 1),
        ]),
      );
  }
}

/** The document with one value, at any depth, that is another, is gone, or is there twice. */
export function anyChange(document: unknown, random: Random, names: readonly string[]): unknown {
  const isRecord = typeof document === "object" && document !== null;
  if (!isRecord || random.below(6) === 0) return anyJsonValue(random, names);
  if (Array.isArray(document)) {
    const at = random.below(document.length + 1);
    if (at === document.length || random.below(6) === 0)
      return [...document, document[0] ?? anyJsonValue(random, names)];
    return document.map((value: unknown, index) => (index === at ? anyChange(value, random, names) : value));
  }
  const entries: [string, unknown][] = Object.entries(document);
  const at = random.below(entries.length + 1);
  const entry = entries[at];
  if (entry === undefined) entries.push([random.pick(names), anyJsonValue(random, names)]);
  else {
    const act = random.below(8);
    if (act === 0) entries.splice(at, 1);
    else if (act === 1) entries[at] = [random.pick(names), entry[1]];
    else entries[at] = [entry[0], anyChange(entry[1], random, names)];
  }
  return Object.fromEntries(entries);
}
