/** `.metadata` of a 405B model and its optimizer on 512 ranks is near 250 MB. */
export const metadataBytesLimit: number = 512 * 1024 * 1024;

/** One chunk takes about 100 opcodes and 15 containers: room for 500 000 chunks of memory that Node has. */
export const metadataPickleLimits = {
  operations: 512_000_000,
  containers: 64_000_000,
  expandedValues: 512_000_000,
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

/** Items whose headers are read at once. */
export const itemsAtOnce = 16;
