import { bitsOf, type DType, elementCount, type Shape } from "../core/index.ts";

/** Bytes that one block aims at: fits the second-level cache, and large writes are dearer on ext4. */
const blockBytesAim = 256 * 1024;
/** A row wider than this is not kept whole; two million bf16 columns are beyond any model. */
const rowBytesLimit = 4 * 1024 * 1024;

/**
 * How a tensor is cut into blocks: the unit of reading, of arithmetic and of the digest. Every block but the last
 * has `blockBytes`. It follows from dtype and shape alone, so that a digest can be checked again later.
 */
export interface Blocks {
  readonly blockBytes: number;
  readonly count: number;
  readonly byteLength: number;
}

/**
 * A block holds whole rows, a multiple of eight of them where eight fit. A row is one index of the first axis; in
 * tensors of three and more axes whose rows would not fit, one index of all axes but the last. Vectors, and
 * tensors with rows above 4 MiB, are cut every 256 KiB.
 */
export function blocksOf(dtype: DType, shape: Shape): Blocks {
  const byteLength = (elementCount(shape) * bitsOf(dtype)) / 8;
  const rows = shape[0] ?? 1;
  let rowBytes = shape.length < 2 || rows === 0 ? 0 : byteLength / rows;
  if (shape.length > 2 && rowBytes > blockBytesAim) rowBytes = ((shape.at(-1) ?? 1) * bitsOf(dtype)) / 8;
  const isFlat = rowBytes === 0 || rowBytes > rowBytesLimit || !Number.isInteger(rowBytes);
  const blockBytes = isFlat ? blockBytesAim : rowBytes * rowsPerBlock(rowBytes);
  return { blockBytes, count: Math.ceil(byteLength / blockBytes), byteLength };
}

function rowsPerBlock(rowBytes: number): number {
  const fitting = Math.max(1, Math.floor(blockBytesAim / rowBytes));
  return fitting < 8 ? fitting : fitting - (fitting % 8);
}
