import { describe, HostValue, PickleMap, PickleRecord, PickleTuple, type PickleValue } from "./values.ts";

/** Objects of a checkpoint have fewer attributes, or there are few of them. */
const shapeNames = 8;
/** Lists of names that are looked through for each object. */
const shapesKept = 8;

/** Puts values into containers, as APPEND, ADDITEMS, SETITEM and BUILD ask. */
export class Assembler {
  private readonly complain: (complaint: string) => never;
  private readonly shapes: (readonly string[])[] = [];

  /** @param complain refuses the pickle with a complaint that follows the opcode's name in the message. */
  constructor(complain: (complaint: string) => never) {
    this.complain = complain;
  }

  append(target: PickleValue, items: readonly PickleValue[]): void {
    if (target instanceof PickleRecord) for (const item of items) target.ownItems().push(item);
    else if (Array.isArray(target) && !(target instanceof PickleTuple)) {
      for (const item of items) target.push(item);
    } else this.complain(`appends to ${describe(target)}`);
  }

  set(items: readonly PickleValue[]): Set<PickleValue> {
    const set = new Set<PickleValue>();
    this.add(set, items);
    return set;
  }

  add(target: PickleValue, items: readonly PickleValue[]): void {
    for (const item of items) {
      this.requireKey(item);
      if (target instanceof Set) target.add(item);
      else if (target instanceof PickleRecord) target.ownItems().push(item);
      else this.complain(`adds to ${describe(target)}`);
    }
  }

  /** `pairs` is key, value, key, value, … */
  put(target: PickleValue, pairs: readonly PickleValue[]): void {
    const map = target instanceof PickleRecord ? target.ownEntries() : target;
    if (!(map instanceof PickleMap)) this.complain(`sets items of ${describe(target)}`);
    if (pairs.length % 2 !== 0) this.complain("has a key without a value");
    for (let i = 0; i < pairs.length; i += 2) {
      const key = pairs[i] as PickleValue;
      this.requireKey(key);
      // A pickled dict cannot repeat a key; two readers could differ in which value counts.
      if (map.has(key))
        this.complain(`repeats the key ${typeof key === "string" ? JSON.stringify(key) : describe(key)}`);
      map.set(key, pairs[i + 1] as PickleValue);
    }
  }

  build(target: PickleValue, state: PickleValue): void {
    if (target instanceof PickleRecord) {
      if (target.hasState) this.complain(`builds an object of ${target.global} twice`);
      const names = this.shapeOf(state);
      if (names === undefined) target.state = state;
      else target.keepFields(names, [...(state as PickleMap).values()]);
    } else if (target instanceof PickleMap && target.className !== "dict") {
      target.attributes = state;
    } else if (target instanceof HostValue) {
      const complaint = target.build(state);
      if (complaint !== undefined) this.complain(`has a state that does not fit: ${complaint}`);
    } else this.complain(`sets the state of ${describe(target)}`);
  }

  /** The names of a small dict, one list for all dicts alike; undefined for any other value. */
  private shapeOf(state: PickleValue): readonly string[] | undefined {
    if (!(state instanceof PickleMap) || state.className !== "dict" || state.size > shapeNames)
      return undefined;
    const known = this.shapes.find((names) => hasNames(state, names));
    if (known !== undefined) return known;
    const names = [...state.keys()];
    if (!names.every((name) => typeof name === "string")) return undefined;
    if (this.shapes.length < shapesKept) this.shapes.push(names);
    return names;
  }

  private requireKey(key: PickleValue): void {
    const isMutable =
      (Array.isArray(key) && !(key instanceof PickleTuple)) || key instanceof PickleMap || key instanceof Set;
    // A frozenset is a Set here too, and Python allows it as a key; no checkpoint has one.
    if (isMutable) this.complain(`uses ${describe(key)} as a key`);
  }
}

/** Whether a dict has these names in this order. */
function hasNames(map: PickleMap, names: readonly string[]): boolean {
  if (map.size !== names.length) return false;
  let at = 0;
  for (const key of map.keys()) if (key !== names[at++]) return false;
  return true;
}
