import { elementCount, FormatError, type Shape } from "../../core/index.ts";
import { describe, PickleMap, PickleRecord, type PickleValue } from "../../pickle/index.ts";

/** A dict of an untrusted file, read key by key: a value of the wrong type is an error that names it. */
export class Fields {
  readonly map: PickleMap;
  readonly path: string;
  readonly #what: string;

  constructor(value: PickleValue | undefined, what: string, path: string) {
    if (!(value instanceof PickleMap)) throw malformed(what, value, "a dict", path);
    this.map = value;
    this.path = path;
    this.#what = what;
  }

  /** None counts as absent: DeepSpeed writes it for what a stage does not have. */
  get(key: string): PickleValue | undefined {
    return this.map.get(key) ?? undefined;
  }

  dict(key: string): Fields | undefined {
    const value = this.get(key);
    return value === undefined ? undefined : new Fields(value, this.#name(key), this.path);
  }

  list(key: string): readonly PickleValue[] | undefined {
    const value = this.get(key);
    if (value === undefined || Array.isArray(value)) return value;
    throw malformed(this.#name(key), value, "a list", this.path);
  }

  count(key: string): number | undefined {
    const value = this.get(key);
    return value === undefined ? undefined : countOf(value, this.#name(key), this.path);
  }

  text(key: string): string | undefined {
    const value = this.get(key);
    if (value === undefined || typeof value === "string") return value;
    throw malformed(this.#name(key), value, "text", this.path);
  }

  #name(key: string): string {
    return this.#what === "" ? key : `${this.#what}.${key}`;
  }
}

/** A whole number from 0 on. @throws FormatError TENON_ZERO_MALFORMED */
export function countOf(value: PickleValue | undefined, what: string, path: string): number {
  if (typeof value === "number" && Number.isSafeInteger(value) && value >= 0) return value;
  throw malformed(what, value, "a count", path);
}

/** Name → shape, in order. Shapes are torch.Size, in old files tuples or lists. @throws FormatError TENON_ZERO_MALFORMED */
export function shapesOf(value: PickleValue | undefined, what: string, path: string): Map<string, Shape> {
  const shapes = new Map<string, Shape>();
  for (const [name, sizes] of new Fields(value, what, path).map) {
    if (typeof name !== "string") throw malformed(`a name in ${what}`, name, "text", path);
    if (!Array.isArray(sizes)) throw malformed(`${what}[${JSON.stringify(name)}]`, sizes, "a shape", path);
    const shape = sizes.map((size) => countOf(size, `a size of ${JSON.stringify(name)}`, path));
    elementCount(shape);
    shapes.set(name, shape);
  }
  return shapes;
}

/** An enum is pickled by its value; older files have the bare number. */
export function enumValueOf(value: PickleValue | undefined): PickleValue | undefined {
  return value instanceof PickleRecord ? value.args[0] : value;
}

/** A value of a file, for a message. */
export function shownValue(found: PickleValue | undefined): string {
  if (typeof found === "bigint") return String(found);
  const isPlain = typeof found === "number" || typeof found === "string" || typeof found === "boolean";
  return isPlain ? JSON.stringify(found) : describe(found);
}

export function malformed(
  what: string,
  found: PickleValue | undefined,
  expected: string,
  path: string,
  code = "TENON_ZERO_MALFORMED",
): FormatError {
  const shown = shownValue(found);
  const message = `zero: ${what} is ${shown}, ${expected} is expected (${path})`;
  return new FormatError(code, message, { details: { what, expected, path } });
}
