/**
 * A server that ignores ranges answers with the whole file. Up to this many bytes that is taken for a small document;
 * above, it would be a download of gigabytes that nobody asked for.
 */
export const wholeBodyLimit: number = 8 * 1024 * 1024;

/** One request for the header of most shards: 64 kB hold some 500 tensors. */
export const readAheadBytes: number = 64 * 1024;

/** Zip files are read at both ends and in the middle: four blocks keep those in hand. */
export const readAheadBlocks = 4;

/** A server that says nothing for this long has hung; slow ones still send something. */
export const silenceMs = 30_000;

/** Five tries within some eight seconds outlast a restart of a proxy. */
export const httpRetries = 4;
export const httpRetryDelayMs = 500;

/** A server may ask for patience (`Retry-After`), but not for more than this. */
export const retryAfterLimitMs = 30_000;

/** Requests in flight while a directory is probed; browsers and most servers allow about six a host. */
export const probesAtOnce = 6;
