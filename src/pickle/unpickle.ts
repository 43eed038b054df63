import { FormatError } from "../core/index.ts";
import type { PickleConstructor } from "./construct.ts";
import { checkGraph } from "./graph.ts";
import { type PickleLimits, pickleLimits } from "./limits.ts";
import { type PersistentLoad, PickleMachine } from "./machine.ts";
import { PickleReader } from "./reader.ts";
import { Resolver } from "./resolve.ts";
import type { PickleValue } from "./values.ts";

export interface UnpickleOptions {
  /** Named in messages, last. */
  readonly file: string;
  /** Where the pickle starts in `bytes`. Default 0. */
  readonly byteOffset?: number;
  /** Whether other data may follow STOP. Default: it is refused. */
  readonly allowTrailing?: boolean;
  /** Turns a persistent id (BINPERSID) into a value. Without it, persistent ids are refused. */
  readonly persistentLoad?: PersistentLoad;
  /** Constructors beside the built-in ones, keyed `module name`; they win over those. */
  readonly constructors?: ReadonlyMap<string, PickleConstructor>;
  readonly limits?: Partial<PickleLimits>;
}

export interface Unpickled {
  readonly value: PickleValue;
  /** Bytes of the pickle, STOP included. */
  readonly byteLength: number;
  /** 0 when the pickle does not say. */
  readonly protocol: number;
  /** Every global that is named, as `module name`, in order of first appearance. */
  readonly globals: readonly string[];
}

/**
 * Reads one pickle (protocols 0 to 5 without their text opcodes). Nothing is imported or run: classes become
 * records, and the result is a tree without cycles (objects may be shared).
 *
 * @throws FormatError TENON_PICKLE_HOSTILE, TENON_PICKLE_TRUNCATED, TENON_PICKLE_MALFORMED, TENON_PICKLE_TEXT,
 *   TENON_PICKLE_CONSTRUCTOR, TENON_PICKLE_CYCLE, TENON_PICKLE_LIMIT, TENON_PICKLE_TRAILING;
 *   UnsupportedError TENON_PICKLE_OPCODE, TENON_PICKLE_PROTOCOL
 * @see CPython Lib/pickletools.py for the opcodes
 */
export function unpickle(bytes: Uint8Array, options: UnpickleOptions): Unpickled {
  const limits = { ...pickleLimits, ...options.limits };
  const { file, byteOffset = 0 } = options;
  if (bytes.byteLength - byteOffset > limits.pickleBytes && options.allowTrailing !== true) {
    const message = `pickle: ${bytes.byteLength} bytes; at most ${limits.pickleBytes} are read (${file})`;
    throw new FormatError("TENON_PICKLE_LIMIT", message, { details: { limit: limits.pickleBytes, file } });
  }
  const reader = new PickleReader(bytes, byteOffset, file);
  const resolver = new Resolver(reader, limits, options.constructors);
  const machine = new PickleMachine(reader, limits, resolver, options.persistentLoad);
  const value = machine.run();
  const trailing = reader.end - reader.at;
  if (trailing > 0 && options.allowTrailing !== true) {
    const message = `pickle: ${trailing} bytes follow its end at byte ${reader.at - reader.start} (${file})`;
    throw new FormatError("TENON_PICKLE_TRAILING", message, { details: { trailing, file } });
  }
  checkGraph(value, limits, file);
  return {
    value,
    byteLength: reader.at - reader.start,
    protocol: machine.protocol,
    globals: [...resolver.seen.keys()],
  };
}
