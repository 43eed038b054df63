/** `.metadata` of a 405B model and its optimizer on 512 ranks is near 250 MB. */
export const metadataBytesLimit: number = 512 * 1024 * 1024;

/**
 * One chunk takes about 100 opcodes, 14 memo entries and 15 containers. A 405B model and its optimizer on 512 ranks are 1 750 000
 * chunks, which take near 3 GB while they are read: more than twice as many would not fit in the memory that Node has by default.
 */
export const metadataPickleLimits = {
  operations: 256_000_000,
  containers: 32_000_000,
  stackValues: 32_000_000,
  expandedValues: 256_000_000,
};

/** A list of a state dict; real ones (groups, schedulers, RNG) stay below 1 000. */
export const listLengthLimit = 1_000_000;

/** Comparisons of boxes in one tensor: 512 ranks that cut two axes need 131 000. */
export const boxComparisonLimit = 50_000_000;

/** Runs of a tensor whose chunks are not rows that are listed for worker threads; each costs some 100 bytes. */
export const listedRunsLimit = 65_536;

/** One Python object (`param_groups`, a scheduler, the state of a data loader). */
export const objectBytesLimit: number = 64 * 1024 * 1024;

/** Reads around the header of one item. torch's own headers take 700 bytes before the data and 900 behind it. */
export const itemBlockBytes = 4096;

/**
 * Bytes of a written chunk. A rank that loads reads every chunk of which it needs a row, whole; each chunk takes 2 kB of headers
 * and 0.4 kB of `.metadata`.
 */
export const writtenChunkBytes: number = 32 * 1024 * 1024;

/** Items whose headers are read at once. */
export const itemsAtOnce = 16;
