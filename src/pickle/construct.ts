import type { PickleGlobal, PickleValue } from "./values.ts";

/** What a constructor may ask of the machine. */
export interface CallContext {
  /** The global being called. */
  readonly global: PickleGlobal;
  /** Refuses the pickle, naming the global and the opcode's position. @throws FormatError TENON_PICKLE_CONSTRUCTOR */
  fail(complaint: string): never;
  /** Counts bytes that a constructor makes. @throws FormatError TENON_PICKLE_LIMIT */
  derive(byteLength: number): void;
  /** Calls another global of the allow-list, for rebuilders that wrap a rebuilder. */
  call(callee: PickleValue | undefined, args: readonly PickleValue[]): PickleValue;
}

/** Makes the value that calling one global stands for. Pure: it may look at its arguments and nothing else. */
export type PickleConstructor = (args: readonly PickleValue[], context: CallContext) => PickleValue;
