/** Bounds of one run of the pickle machine. Each is far above what real checkpoints hold. */
export interface PickleLimits {
  /** Bytes of the pickle itself. */
  readonly pickleBytes: number;
  /** Opcodes executed. */
  readonly operations: number;
  /** Lists, tuples, dicts, sets and records made. */
  readonly containers: number;
  /** Values on the stack at once, and memo entries. */
  readonly stackValues: number;
  /** Nesting of marks while reading, and of containers in the result. */
  readonly depth: number;
  /** Values in the result when everything that is shared is counted at each place where it appears. */
  readonly expandedValues: number;
  /** Bytes of one integer. */
  readonly integerBytes: number;
  /** Bytes that constructors may make beyond four times the pickle's own. */
  readonly derivedBytes: number;
}

export const pickleLimits: PickleLimits = {
  // data.pkl of a 405B model is near 200 kB; 50 000 MoE experts with optimizer state stay below 100 MB.
  pickleBytes: 512 * 1024 * 1024,
  // One tensor of a state dict takes about 30 opcodes: room for two million tensors.
  operations: 64_000_000,
  // One tensor makes about 6 containers; a Map costs Node about 150 bytes, so this bounds memory near 1 GB.
  containers: 6_000_000,
  // A list is pushed whole before APPENDS; Python pushes 1000 at a time, so real stacks stay below 10 000.
  stackValues: 8_000_000,
  // Python's own pickler stops near 1000 (its recursion limit); real checkpoints stay below 20.
  depth: 1000,
  // What a consumer walks that does not look out for sharing: shared sub-objects multiply ("billion laughs").
  expandedValues: 50_000_000,
  // Seeds and counters: 128-bit PCG64 states are the largest ints seen in a checkpoint.
  integerBytes: 4096,
  // `_codecs encode` of one memoised string again and again makes much from few bytes; real pickles encode each once.
  derivedBytes: 16 * 1024 * 1024,
};
