/** The reference reader refuses longer headers (`MAX_HEADER_SIZE` in its `tensor.rs`), so the writer must not make one. */
export const headerBytesLimit = 100_000_000;

/** Read in one go on opening: a shard of a model with a few hundred tensors has a header of 20 to 60 kB. */
export const firstReadBytes: number = 64 * 1024;

/** Of a list in a message or an observation; a broken file may be wrong about every tensor. */
export const namesInReport = 10;
