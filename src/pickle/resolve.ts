import { FormatError } from "../core/index.ts";
import type { CallContext, PickleConstructor } from "./construct.ts";
import { coreConstructors, isKnownRecord } from "./globals.ts";
import { isHostileGlobal, python3Module } from "./hostile.ts";
import type { PickleLimits } from "./limits.ts";
import { opcodeName } from "./opcodes.ts";
import type { PickleReader } from "./reader.ts";
import {
  describe,
  OpaqueObject,
  PickleGlobal,
  type PickleMap,
  PickleRecord,
  type PickleValue,
} from "./values.ts";

/** Rebuilders wrap one another at most twice in real files (`_rebuild_from_type_v2` around a parameter's). */
const callDepthLimit = 8;

/** Turns names into {@link PickleGlobal}s and calls into values, by the allow-list alone. */
export class Resolver {
  /** Every global that the pickle names, in order of first appearance. */
  readonly seen: Map<string, PickleGlobal> = new Map();
  private readonly reader: PickleReader;
  private readonly constructors: ReadonlyMap<string, PickleConstructor>;
  private derived = 0;
  private readonly derivedLimit: number;
  private depth = 0;

  constructor(
    reader: PickleReader,
    limits: PickleLimits,
    constructors: ReadonlyMap<string, PickleConstructor> | undefined,
  ) {
    this.reader = reader;
    this.constructors = constructors ?? new Map();
    this.derivedLimit = limits.derivedBytes + 4 * (reader.end - reader.start);
  }

  /** @throws FormatError TENON_PICKLE_HOSTILE for a name that could only be there to run code. */
  global(writtenModule: string, name: string): PickleGlobal {
    const module = python3Module(writtenModule);
    const key = `${module} ${name}`;
    const known = this.seen.get(key);
    if (known !== undefined) return known;
    if (isHostileGlobal(module, name)) this.hostile(module, name);
    const global = new PickleGlobal(module, name);
    this.seen.set(key, global);
    return global;
  }

  /** What REDUCE, NEWOBJ and NEWOBJ_EX make: nothing is called but the constructors of the allow-list. */
  call(callee: PickleValue | undefined, args: PickleValue, kwargs?: PickleMap): PickleValue {
    if (!Array.isArray(args)) this.malformed(`calls with ${describe(args)}`);
    if (!(callee instanceof PickleGlobal)) this.malformed(`calls ${describe(callee)}`);
    const construct = this.constructors.get(callee.global) ?? coreConstructors.get(callee.global);
    if (construct === undefined || (kwargs !== undefined && kwargs.size > 0)) {
      return isKnownRecord(callee)
        ? new PickleRecord(callee.global, args, kwargs)
        : new OpaqueObject(callee.global, args, kwargs);
    }
    if (++this.depth > callDepthLimit) this.malformed(`wraps calls deeper than ${callDepthLimit}`);
    const value = construct(args, this.context(callee));
    this.depth--;
    return value;
  }

  private context(global: PickleGlobal): CallContext {
    return {
      global,
      fail: (complaint) => {
        const { opcodeAt: position, opcode, file } = this.reader;
        const message = `pickle: ${opcodeName(opcode)} at byte ${position}: ${global.global}: ${complaint} (${file})`;
        throw new FormatError("TENON_PICKLE_CONSTRUCTOR", message, {
          details: { global: global.global, position, file },
        });
      },
      derive: (byteLength) => {
        this.derived += byteLength;
        if (this.derived <= this.derivedLimit) return;
        const message = `pickle: ${global.global} makes more than ${this.derivedLimit} bytes (${this.reader.file})`;
        throw new FormatError("TENON_PICKLE_LIMIT", message, {
          details: { limit: this.derivedLimit, file: this.reader.file },
        });
      },
      call: (callee, args) => this.call(callee, [...args]),
    };
  }

  private hostile(module: string, name: string): never {
    const { opcodeAt: position, opcode, file } = this.reader;
    const what = opcodeName(opcode);
    const message = `pickle: ${what} at byte ${position} names ${module} ${name}, which runs code when Python loads it; nothing was run (${file})`;
    throw new FormatError("TENON_PICKLE_HOSTILE", message, {
      details: { opcode: what, position, global: `${module} ${name}`, file },
      hint: "Do not load this file in Python; get the checkpoint from a source you trust, as safetensors.",
    });
  }

  private malformed(complaint: string): never {
    const { opcodeAt: position, opcode, file } = this.reader;
    const message = `pickle: ${opcodeName(opcode)} at byte ${position} ${complaint} (${file})`;
    throw new FormatError("TENON_PICKLE_MALFORMED", message, {
      details: { opcode: opcodeName(opcode), position, file },
    });
  }
}
