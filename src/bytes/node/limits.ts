/** Node passes lengths to read and write as 32-bit integers, and Linux stops at 0x7ffff000 bytes a call. */
export const bytesPerCall: number = 1024 * 1024 * 1024;

/** A checkpoint of 1024 ranks with three files each and a repository around it stays far below. */
export const listedFilesLimit = 100_000;

/** Checkpoints nest four or five directories; more means that the wrong directory was given. */
export const listedDepthLimit = 16;

/**
 * Reads up to this size are done at once, without the thread pool: headers and documents, of which opening a checkpoint
 * reads one a file. From a warm cache that takes some 10 µs, a tenth of the trip; a cold disk is waited for either way.
 */
export const syncReadBytes: number = 16 * 1024;
