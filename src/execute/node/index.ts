export { isFileLike } from "./is-file-like.ts";
export { type PoolOptions, runInThreads } from "./pool.ts";
