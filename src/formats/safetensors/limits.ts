/** The reference reader refuses longer headers (`MAX_HEADER_SIZE` in its `tensor.rs`), so the writer must not make one. */
export const headerBytesLimit = 100_000_000;

/**
 * Read in one go on opening. Shards of large models hold some ten to a hundred tensors, about 110 bytes of header each;
 * reading 64 kB instead costs twice the time on a set of 170 shards, and a second read is cheap.
 */
export const firstReadBytes: number = 16 * 1024;

/** Of a list in a message or an observation; a broken file may be wrong about every tensor. */
export const namesInReport = 10;
