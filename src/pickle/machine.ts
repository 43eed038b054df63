// The opcode loop. Values are made by `assemble.ts`, globals by `resolve.ts`; this file only moves the stack.
import { FormatError, UnsupportedError } from "../core/index.ts";
import { Assembler } from "./assemble.ts";
import type { PickleLimits } from "./limits.ts";
import { Memo } from "./memo.ts";
import { isOpcode, Op, opcodeName } from "./opcodes.ts";
import type { PickleReader } from "./reader.ts";
import type { Resolver } from "./resolve.ts";
import { readScalar } from "./scalars.ts";
import { describe, PickleMap, PickleRecord, PickleTuple, type PickleValue } from "./values.ts";

/** Highest protocol that CPython defines (3.8 to 3.14). */
const highestProtocol = 5;
/** Bytes of a module or class name in GLOBAL: Python identifiers in checkpoints stay below 200. */
const nameBytesLimit = 4096;

export type PersistentLoad = (id: PickleValue, position: number) => PickleValue;

/** Runs one pickle from its first opcode to STOP. */
export class PickleMachine {
  protocol = 0;
  private stack: PickleValue[] = [];
  private readonly marks: PickleValue[][] = [];
  private readonly memo = new Memo();
  private below = 0;
  private containers = 0;
  private readonly reader: PickleReader;
  private readonly limits: PickleLimits;
  private readonly resolver: Resolver;
  private readonly assembler: Assembler;
  private readonly persistentLoad: PersistentLoad | undefined;

  constructor(
    reader: PickleReader,
    limits: PickleLimits,
    resolver: Resolver,
    persistentLoad: PersistentLoad | undefined,
  ) {
    this.reader = reader;
    this.limits = limits;
    this.resolver = resolver;
    this.assembler = new Assembler((complaint) => this.malformed(complaint));
    this.persistentLoad = persistentLoad;
  }

  run(): PickleValue {
    const { reader, limits } = this;
    for (let operations = 0; ; operations++) {
      if (operations > limits.operations) this.tooMany("opcodes", limits.operations);
      const opcode = reader.nextOpcode();
      if (opcode === Op.STOP) break;
      this.step(opcode);
    }
    if (this.stack.length !== 1 || this.marks.length !== 0) {
      this.malformed(`leaves ${this.stack.length} values and ${this.marks.length} open marks`);
    }
    return this.stack[0] as PickleValue;
  }

  private step(opcode: number): void {
    const { reader } = this;
    const scalar = readScalar(opcode, reader, this.limits.integerBytes);
    if (scalar !== undefined) {
      this.push(scalar);
      return;
    }
    switch (opcode) {
      case Op.PROTO:
        this.startProtocol(reader.u8());
        break;
      case Op.FRAME:
        if (reader.u64() > reader.end - reader.at) reader.truncated();
        break;
      case Op.MARK:
        this.mark();
        break;
      case Op.BINPUT:
        this.remember(reader.u8());
        break;
      case Op.LONG_BINPUT:
        this.remember(reader.u32());
        break;
      case Op.MEMOIZE:
        this.remember(this.memo.size);
        break;
      case Op.BINGET:
        this.recall(reader.u8());
        break;
      case Op.LONG_BINGET:
        this.recall(reader.u32());
        break;
      case Op.GLOBAL: {
        const module = reader.line(nameBytesLimit);
        this.push(this.resolver.global(module, reader.line(nameBytesLimit)));
        break;
      }
      case Op.STACK_GLOBAL:
        this.push(this.stackGlobal());
        break;
      default: {
        const made = this.container(opcode);
        if (made === undefined) this.change(opcode);
        else this.pushContainer(made);
      }
    }
  }

  /** Opcodes that make a container or an object. */
  private container(opcode: number): PickleValue | undefined {
    switch (opcode) {
      case Op.EMPTY_TUPLE:
        return new PickleTuple();
      case Op.TUPLE1:
        return this.tuple(1);
      case Op.TUPLE2:
        return this.tuple(2);
      case Op.TUPLE3:
        return this.tuple(3);
      case Op.TUPLE:
        return PickleTuple.ofValues(this.popMark());
      case Op.EMPTY_LIST:
        return [];
      case Op.EMPTY_DICT:
        return new PickleMap();
      case Op.EMPTY_SET:
        return new Set();
      case Op.FROZENSET:
        return this.assembler.set(this.popMark());
      case Op.REDUCE:
      case Op.NEWOBJ: {
        const args = this.pop();
        return this.resolver.call(this.pop(), args);
      }
      case Op.NEWOBJ_EX: {
        const kwargs = this.pop();
        const args = this.pop();
        if (!(kwargs instanceof PickleMap)) this.malformed(`has keywords in ${describe(kwargs)}`);
        return this.resolver.call(this.pop(), args, kwargs);
      }
      case Op.BINPERSID:
        return this.persistent(this.pop());
      default:
        return undefined;
    }
  }

  /** Opcodes that change the value below their operands, and everything that is refused. */
  private change(opcode: number): void {
    switch (opcode) {
      case Op.APPEND: {
        const item = this.pop();
        this.assembler.append(this.top(), [item]);
        break;
      }
      case Op.APPENDS: {
        const items = this.popMark();
        this.assembler.append(this.top(), items);
        break;
      }
      case Op.ADDITEMS: {
        const items = this.popMark();
        this.assembler.add(this.top(), items);
        break;
      }
      case Op.SETITEM: {
        const value = this.pop();
        const key = this.pop();
        this.assembler.put(this.top(), [key, value]);
        break;
      }
      case Op.SETITEMS: {
        const pairs = this.popMark();
        this.assembler.put(this.top(), pairs);
        break;
      }
      case Op.BUILD: {
        const state = this.pop();
        const target = this.top();
        this.assembler.build(target, state);
        if (target instanceof PickleRecord && state instanceof PickleMap) this.memo.takeOver(state, target);
        break;
      }
      default:
        this.refuse(opcode);
    }
  }

  private stackGlobal(): PickleValue {
    const name = this.pop();
    const module = this.pop();
    if (typeof module === "string" && typeof name === "string") return this.resolver.global(module, name);
    return this.malformed(`names a global by ${describe(module)} and ${describe(name)}`);
  }

  private persistent(id: PickleValue): PickleValue {
    if (this.persistentLoad === undefined) {
      this.malformed("refers to something outside, which only torch.save files do");
    }
    return this.persistentLoad(id, this.reader.opcodeAt);
  }

  private startProtocol(protocol: number): void {
    if (this.reader.opcodeAt !== 0) this.malformed("is not the first opcode");
    if (protocol > highestProtocol) {
      const message = `pickle: protocol ${protocol}; at most ${highestProtocol} is known (${this.reader.file})`;
      throw new UnsupportedError("TENON_PICKLE_PROTOCOL", message, {
        details: { protocol, file: this.reader.file },
      });
    }
    this.protocol = protocol;
  }

  private refuse(opcode: number): never {
    const { opcodeAt: position, file } = this.reader;
    const name = opcodeName(opcode);
    if (!isOpcode(opcode)) this.malformed("is not an opcode of pickle");
    const message = `pickle: opcode ${name} at byte ${position} is not read: checkpoints do not need it (${file})`;
    throw new UnsupportedError("TENON_PICKLE_OPCODE", message, { details: { opcode: name, position, file } });
  }

  private malformed(complaint: string): never {
    const { opcodeAt: position, opcode, file } = this.reader;
    const message = `pickle: ${opcodeName(opcode)} at byte ${position} ${complaint} (${file})`;
    throw new FormatError("TENON_PICKLE_MALFORMED", message, {
      details: { opcode: opcodeName(opcode), position, file },
    });
  }

  private tooMany(what: string, limit: number): never {
    const { opcodeAt: position, file } = this.reader;
    const message = `pickle: more than ${limit} ${what} at byte ${position} (${file})`;
    throw new FormatError("TENON_PICKLE_LIMIT", message, { details: { what, limit, position, file } });
  }

  private push(value: PickleValue): void {
    this.stack.push(value);
    if (this.below + this.stack.length > this.limits.stackValues)
      this.tooMany("values on the stack", this.limits.stackValues);
  }

  private pushContainer(value: PickleValue): void {
    if (++this.containers > this.limits.containers) this.tooMany("containers", this.limits.containers);
    this.push(value);
  }

  private tuple(length: number): PickleTuple {
    if (this.stack.length < length) this.malformed("finds too few values on the stack");
    return PickleTuple.ofValues(this.stack.splice(this.stack.length - length, length));
  }

  private top(): PickleValue {
    if (this.stack.length === 0) this.malformed("finds the stack empty");
    return this.stack[this.stack.length - 1] as PickleValue;
  }

  private pop(): PickleValue {
    const value = this.top();
    this.stack.pop();
    return value;
  }

  private mark(): void {
    if (this.marks.length >= this.limits.depth) this.tooMany("open marks", this.limits.depth);
    this.marks.push(this.stack);
    this.below += this.stack.length;
    this.stack = [];
  }

  private popMark(): PickleValue[] {
    const outer = this.marks.pop();
    if (outer === undefined) this.malformed("finds no mark");
    const items = this.stack;
    this.stack = outer;
    this.below -= outer.length;
    return items;
  }

  // CPython numbers memo entries in order (Python 2 from 1): a gap is a hand-made pickle.
  private remember(index: number): void {
    const size = Math.max(this.memo.size, 1);
    if (index > size) this.malformed(`puts memo entry ${index} after ${size}`);
    if (index >= this.limits.stackValues) this.tooMany("memo entries", this.limits.stackValues);
    this.memo.put(index, this.top());
  }

  private recall(index: number): void {
    const value = this.memo.get(index);
    if (value === undefined) this.malformed(`gets memo entry ${index}, which was never put`);
    this.push(value);
  }
}
