import { Op } from "./opcodes.ts";
import { reduced } from "./reduced.ts";
import {
  HostValue,
  OpaqueObject,
  PickleGlobal,
  PickleMap,
  PickleRecord,
  PickleTuple,
  type PickleValue,
} from "./values.ts";
import { PersistentId, PickleFloat, PickleObject } from "./written.ts";

/** Items of a list or dict between one MARK and its APPENDS or SETITEMS (CPython `Modules/_pickle.c`, BATCHSIZE). */
const batchItems = 1000;

/**
 * Writes a value as CPython's C pickler does in protocol 2, memo included: what torch.save wrote comes out byte for byte
 * where equal strings were one object. Records are written as a call of their global, with their state.
 * @param replaced what stands for a host value that is the caller's own; the same object each time is written once
 * @throws TypeError for values that have no opcodes here: opaque objects, records with items, host values of other kinds
 */
export function writePickle(
  value: PickleValue,
  replaced: (value: HostValue) => PickleValue | undefined = () => undefined,
): Uint8Array {
  const writer = new PickleWriter(replaced);
  writer.write(value);
  return writer.finish();
}

class PickleWriter {
  #bytes = new Uint8Array(1024);
  #view = new DataView(this.#bytes.buffer);
  #length = 0;
  #memoized = 0;
  /** Text, `module name` of globals, or the object itself → place in the memo. */
  readonly #memo = new Map<unknown, number>();
  readonly #encoder = new TextEncoder();

  readonly #built = new Set<PickleRecord>();
  readonly #replaced: (value: HostValue) => PickleValue | undefined;
  /** A value → the call that makes it: made once, so that it is written once. */
  readonly #calls = new Map<PickleValue, PickleRecord>();

  constructor(replaced: (value: HostValue) => PickleValue | undefined) {
    this.#replaced = replaced;
    this.#byte(Op.PROTO);
    this.#byte(2);
  }

  finish(): Uint8Array {
    this.#byte(Op.STOP);
    return this.#bytes.slice(0, this.#length);
  }

  write(value: PickleValue): void {
    if (value === null) this.#byte(Op.NONE);
    else if (value === true) this.#byte(Op.NEWTRUE);
    else if (value === false) this.#byte(Op.NEWFALSE);
    else if (typeof value === "bigint") this.#integer(value);
    else if (typeof value === "number") this.#number(value);
    else if (typeof value === "string") this.#once(value, () => this.#text(value));
    else if (value instanceof PersistentId) {
      this.write(value.id);
      this.#byte(Op.BINPERSID);
    } else if (value instanceof PickleFloat) this.#float(value.value);
    else this.#container(value);
  }

  #container(value: PickleValue): void {
    if (value instanceof PickleGlobal) this.#global(value);
    else if (value instanceof PickleTuple && value.length === 0) this.#byte(Op.EMPTY_TUPLE);
    else if (value instanceof PickleTuple) this.#once(value, () => this.#tuple(value));
    else if (Array.isArray(value)) this.#list(value);
    else if (value instanceof PickleMap) this.#map(value);
    else if (value instanceof PickleObject) this.#object(value);
    else if (value instanceof PickleRecord) this.#record(value);
    else this.#other(value);
  }

  #record(record: PickleRecord): void {
    if (record instanceof OpaqueObject || record.items.length > 0 || record.entries.size > 0)
      throw new TypeError(`internal: an object of ${record.global} is not written to a pickle`);
    this.#once(record, () => this.#call(globalOf(record.global), PickleTuple.ofValues(record.args)));
    // The state of what was recalled is there already.
    if (record.state === undefined || this.#built.has(record)) return;
    this.#built.add(record);
    this.write(record.state);
    this.#byte(Op.BUILD);
  }

  #object(object: PickleObject): void {
    if (this.#recall(object)) return;
    this.#global(globalOf(object.global));
    this.write(object.args);
    this.#byte(Op.NEWOBJ);
    this.#remember(object);
    if (object.state === undefined) return;
    this.write(object.state);
    this.#byte(Op.BUILD);
  }

  #other(value: PickleValue): void {
    const call = this.#calls.get(value) ?? reduced(value);
    if (call !== undefined) {
      this.#calls.set(value, call);
      this.write(call);
      return;
    }
    const stand = value instanceof HostValue ? this.#replaced(value) : undefined;
    if (stand === undefined || stand === value)
      throw new TypeError("internal: a value that is not written to a pickle");
    this.write(stand);
  }

  /** Writes what was not written before and remembers it; else refers to it. */
  #once(key: unknown, write: () => void): void {
    if (this.#recall(key)) return;
    write();
    this.#remember(key);
  }

  /** Refers to what was written before; false if it was not. */
  #recall(key: unknown): boolean {
    const at = this.#memo.get(key);
    if (at === undefined) return false;
    this.#byte(at < 256 ? Op.BINGET : Op.LONG_BINGET);
    this.#count(at);
    return true;
  }

  #remember(key: unknown): void {
    const at = this.#memoized++;
    this.#memo.set(key, at);
    this.#byte(at < 256 ? Op.BINPUT : Op.LONG_BINPUT);
    this.#count(at);
  }

  #count(at: number): void {
    if (at < 256) this.#byte(at);
    else this.#uint32(at);
  }

  #number(value: number): void {
    if (Number.isSafeInteger(value) && !Object.is(value, -0)) this.#integer(BigInt(value));
    else this.#float(value);
  }

  #integer(value: bigint): void {
    if (value >= 0n && value < 256n) {
      this.#byte(Op.BININT1);
      this.#byte(Number(value));
    } else if (value >= 0n && value < 65_536n) {
      this.#byte(Op.BININT2);
      this.#byte(Number(value % 256n));
      this.#byte(Number(value / 256n));
    } else if (value === BigInt.asIntN(32, value)) {
      this.#byte(Op.BININT);
      this.#uint32(Number(BigInt.asUintN(32, value)));
    } else this.#long(value);
  }

  /** Two's complement, little-endian, in as few bytes as hold the sign. */
  #long(value: bigint): void {
    let width = 5;
    while (value !== BigInt.asIntN(8 * width, value)) width++;
    if (width > 255) throw new TypeError("internal: an integer of more than 255 bytes");
    this.#byte(Op.LONG1);
    this.#byte(width);
    let rest = BigInt.asUintN(8 * width, value);
    for (let at = 0; at < width; at++, rest /= 256n) this.#byte(Number(rest % 256n));
  }

  #float(value: number): void {
    this.#byte(Op.BINFLOAT);
    this.#reserve(8);
    this.#view.setFloat64(this.#length, value);
    this.#length += 8;
  }

  #text(value: string): void {
    const bytes = this.#encoder.encode(value);
    this.#byte(Op.BINUNICODE);
    this.#uint32(bytes.length);
    this.#append(bytes);
  }

  #global(global: PickleGlobal): void {
    this.#once(`global ${global.global}\n`, () => {
      this.#byte(Op.GLOBAL);
      this.#append(this.#encoder.encode(`${global.module}\n${global.name}\n`));
    });
  }

  #tuple(items: PickleTuple): void {
    const short = [Op.TUPLE1, Op.TUPLE2, Op.TUPLE3][items.length - 1];
    if (short === undefined) this.#byte(Op.MARK);
    for (const item of items) this.write(item);
    this.#byte(short ?? Op.TUPLE);
  }

  #call(global: PickleGlobal, args: PickleTuple): void {
    this.#global(global);
    // The arguments of a call are a tuple of their own, which nothing else refers to.
    this.write(args);
    this.#byte(Op.REDUCE);
  }

  #list(list: PickleValue[]): void {
    if (this.#recall(list)) return;
    this.#byte(Op.EMPTY_LIST);
    this.#remember(list);
    this.#batches(list, Op.APPEND, Op.APPENDS, (item) => this.write(item));
  }

  #map(map: PickleMap): void {
    if (this.#recall(map)) return;
    if (map.className === "dict") this.#byte(Op.EMPTY_DICT);
    else this.#call(globalOf(map.className), new PickleTuple());
    this.#remember(map);
    this.#batches([...map], Op.SETITEM, Op.SETITEMS, ([key, item]) => {
      this.write(key);
      this.write(item);
    });
    if (map.attributes === undefined) return;
    this.write(map.attributes);
    this.#byte(Op.BUILD);
  }

  #batches<T>(items: readonly T[], one: number, several: number, write: (item: T) => void): void {
    for (let start = 0; start < items.length; start += batchItems) {
      const batch = items.slice(start, start + batchItems);
      if (batch.length > 1) this.#byte(Op.MARK);
      for (const item of batch) write(item);
      this.#byte(batch.length > 1 ? several : one);
    }
  }

  #byte(value: number): void {
    this.#reserve(1);
    this.#bytes[this.#length++] = value;
  }

  #uint32(value: number): void {
    this.#reserve(4);
    this.#view.setUint32(this.#length, value, true);
    this.#length += 4;
  }

  #append(bytes: Uint8Array): void {
    this.#reserve(bytes.length);
    this.#bytes.set(bytes, this.#length);
    this.#length += bytes.length;
  }

  #reserve(count: number): void {
    if (this.#length + count <= this.#bytes.length) return;
    const grown = new Uint8Array(Math.max(2 * this.#bytes.length, this.#length + count));
    grown.set(this.#bytes.subarray(0, this.#length));
    this.#bytes = grown;
    this.#view = new DataView(grown.buffer);
  }
}

function globalOf(global: string): PickleGlobal {
  const [module = "", name = ""] = global.split(" ");
  return new PickleGlobal(module, name);
}
