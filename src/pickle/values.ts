// What a pickle turns into. None of these runs anything: classes of the file become records that carry their name.

/**
 * | Python | here |
 * |---|---|
 * | None, bool, str | null, boolean, string |
 * | int | number, or bigint beyond 2^53 |
 * | float | number |
 * | bytes, bytearray | Uint8Array (a copy) |
 * | list, tuple | array, {@link PickleTuple} |
 * | dict, OrderedDict, defaultdict, Counter | {@link PickleMap} |
 * | set, frozenset | Set |
 * | a class or function, named but not called | {@link PickleGlobal} |
 * | an object | {@link PickleRecord}; {@link OpaqueObject} when its class is not on the allow-list |
 * | an array, a tensor, … | a {@link HostValue} |
 */
export type PickleValue =
  | null
  | boolean
  | number
  | bigint
  | string
  | Uint8Array
  | PickleValue[]
  | PickleMap
  | Set<PickleValue>
  | PickleGlobal
  | PickleRecord
  | HostValue;

/** A tuple: an array that can be told from a list. */
export class PickleTuple extends Array<PickleValue> {
  // `map` and `slice` of a tuple give plain arrays, and never call this constructor with a length.
  static override get [Symbol.species](): ArrayConstructor {
    return Array;
  }

  static ofValues(values: readonly PickleValue[]): PickleTuple {
    // Elements pushed to an empty array would have room for 17; `.metadata` of many ranks has millions of pairs.
    const tuple = new PickleTuple(values.length);
    for (let at = 0; at < values.length; at++) tuple[at] = values[at] as PickleValue;
    return tuple;
  }
}

/** A dict. Keys are never properties of an object, so `__proto__` is a key like any other. */
export class PickleMap extends Map<PickleValue, PickleValue> {
  /** `dict`, or the global that made it, such as `collections OrderedDict`. */
  readonly className: string;
  /** What BUILD set on a dict subclass: `_metadata` of an nn.Module's state dict. Not entries of the dict. */
  attributes: PickleValue | undefined = undefined;

  constructor(className = "dict") {
    super();
    this.className = className;
  }
}

/** A class or function of the file, by name. Nothing is imported. */
export class PickleGlobal {
  readonly module: string;
  readonly name: string;

  constructor(module: string, name: string) {
    this.module = module;
    this.name = name;
  }

  /** `module name`, as pickle's own GLOBAL opcode spells it and as every table here is keyed. */
  get global(): string {
    return `${this.module} ${this.name}`;
  }
}

/** What a record without elements and entries shares with all others. */
const none: { readonly items: readonly PickleValue[]; readonly entries: PickleMap } = {
  items: Object.freeze([]),
  entries: new PickleMap(),
};

/** An object of a class on the allow-list: its class by name, and what it was made from. */
export class PickleRecord {
  /** `module name` of the class or of the function that makes it. */
  readonly global: string;
  /** Arguments it was made with; an enum has its value here. */
  readonly args: readonly PickleValue[];
  readonly kwargs: PickleMap | undefined;
  #state: PickleValue | undefined;
  // A dict of a few names, without a hash table of its own.
  #names: readonly string[] | undefined;
  #values: readonly PickleValue[] | undefined;
  // Nearly no class derives from list or dict, and a checkpoint of many ranks has millions of records.
  #items: PickleValue[] | undefined;
  #entries: PickleMap | undefined;

  constructor(global: string, args: readonly PickleValue[], kwargs?: PickleMap) {
    this.global = global;
    this.args = args;
    this.kwargs = kwargs;
  }

  /** What BUILD gave: a dict, a (dict, slots) pair, or whatever the class defines. */
  get state(): PickleValue | undefined {
    if (this.#names !== undefined) {
      const state = new PickleMap();
      for (const [at, name] of this.#names.entries()) state.set(name, this.#values?.[at] as PickleValue);
      this.state = state;
    }
    return this.#state;
  }

  set state(state: PickleValue | undefined) {
    this.#state = state;
    this.#names = undefined;
    this.#values = undefined;
  }

  get hasState(): boolean {
    return this.#names !== undefined || this.#state !== undefined;
  }

  /** Takes a dict of these names as the state, without keeping a dict until somebody asks for it. */
  keepFields(names: readonly string[], values: readonly PickleValue[]): void {
    this.#names = names;
    this.#values = values;
  }

  /** An attribute of the state dict; undefined where there is none. */
  field(name: string): PickleValue | undefined {
    if (this.#names === undefined)
      return this.#state instanceof PickleMap ? this.#state.get(name) : undefined;
    const at = this.#names.indexOf(name);
    return at < 0 ? undefined : this.#values?.[at];
  }

  /** Every value inside, for whoever walks all of them; of a state dict its keys too. */
  *parts(): Iterable<PickleValue> {
    yield* this.args;
    yield* this.items;
    if (this.kwargs !== undefined) yield this.kwargs;
    if (this.#names !== undefined) {
      yield* this.#names;
      yield* this.#values ?? [];
    } else if (this.#state !== undefined) yield this.#state;
    if (this.entries.size > 0) yield this.entries;
  }

  /** Elements, when the class derives from list or set. */
  get items(): readonly PickleValue[] {
    return this.#items ?? none.items;
  }

  /** Entries, when the class derives from dict. */
  get entries(): PickleMap {
    return this.#entries ?? none.entries;
  }

  /** The elements, to be added to. */
  ownItems(): PickleValue[] {
    this.#items ??= [];
    return this.#items;
  }

  /** The entries, to be added to. */
  ownEntries(): PickleMap {
    this.#entries ??= new PickleMap();
    return this.#entries;
  }

  /** Attributes by name: the state dict, and the slots where the state is a (dict, slots) pair. */
  get fields(): ReadonlyMap<string, PickleValue> {
    const fields = new Map<string, PickleValue>();
    const parts = this.state instanceof PickleTuple && this.state.length === 2 ? this.state : [this.state];
    for (const part of parts) {
      if (!(part instanceof PickleMap)) continue;
      for (const [name, value] of part) if (typeof name === "string") fields.set(name, value);
    }
    return fields;
  }
}

/** An object of a class that is not on the allow-list: fine to look at, never on the way to a tensor. */
export class OpaqueObject extends PickleRecord {}

/** A value that a constructor made: an array, a tensor, a storage. */
export abstract class HostValue {
  /** What the value is, for messages. */
  abstract readonly what: string;
  /** Takes the state of a BUILD opcode. Returns a complaint, or undefined when the state was understood. */
  build(_state: PickleValue): string | undefined {
    return `${this.what} takes no state`;
  }
  /** Pickle values inside, for the check of cycles and depth. */
  children(): readonly PickleValue[] {
    return [];
  }
}

/** Names a value's kind in messages. */
export function describe(value: PickleValue | undefined): string {
  if (value === undefined) return "nothing";
  if (value === null) return "None";
  if (typeof value === "string") return "a str";
  if (typeof value === "boolean") return "a bool";
  if (typeof value === "number" || typeof value === "bigint") return "a number";
  if (value instanceof Uint8Array) return "bytes";
  if (value instanceof PickleTuple) return "a tuple";
  if (Array.isArray(value)) return "a list";
  if (value instanceof PickleMap) return "a dict";
  if (value instanceof Set) return "a set";
  if (value instanceof PickleGlobal) return `the global ${value.global}`;
  if (value instanceof PickleRecord) return `an object of ${value.global}`;
  return value.what;
}
