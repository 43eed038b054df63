/** One wasm page. */
export const pageBytes = 65_536;

/** The arena begins here; below it the kernel keeps its own scratch (scratch.as.ts). */
export const arenaStart = 4_096;

/**
 * What one kernel may grow to unless it is told otherwise: 1 GiB. A tile, its two packed factors and a read
 * buffer need about 10 MB; the limit only stops a mistake from taking the machine.
 */
export const defaultMaxBytes: number = 1024 * 1024 * 1024;

/** The most that 32-bit wasm can address: 65535 pages, one below 4 GiB so that every end fits in 32 bits. */
export const hardMaxBytes: number = 65_535 * pageBytes;
