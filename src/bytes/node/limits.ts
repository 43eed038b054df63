/** Node passes lengths to read and write as 32-bit integers, and Linux stops at 0x7ffff000 bytes a call. */
export const bytesPerCall: number = 1024 * 1024 * 1024;

/** A checkpoint of 1024 ranks with three files each and a repository around it stays far below. */
export const listedFilesLimit = 100_000;

/** Checkpoints nest four or five directories; more means that the wrong directory was given. */
export const listedDepthLimit = 16;
