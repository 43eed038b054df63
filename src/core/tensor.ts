import type { DType, Shape } from "./dtype.ts";

/** What a tensor is, without its bytes. */
export interface TensorMeta {
  /** Unique within everything that was opened together; plans refer to tensors by it. */
  readonly id: string;
  /** The name on disk. */
  readonly name: string;
  readonly dtype: DType;
  readonly shape: Shape;
  readonly byteLength: number;
  /**
   * The Python number that it was stored as, in the place of a tensor: an optimizer's step. What writes Python objects writes
   * that number again.
   */
  readonly pythonNumber?: number;
  /**
   * The matrix as the file holds it, where this one is that one with rows and columns changed places. Whoever addresses
   * elements reads it in the place of this one.
   */
  readonly turned?: TensorMeta;
}

/** A run of bytes in a file that a worker thread can open by itself. */
export interface Extent {
  /** Absolute path of a local file. */
  readonly path: string;
  readonly byteOffset: number;
  readonly byteLength: number;
}

/**
 * A tensor whose bytes are read only when asked for.
 *
 * Bytes are little-endian and row-major whatever the file holds: a format that stores views, strides or
 * big-endian data gathers them inside `read`.
 */
export interface Tensor extends TensorMeta {
  readonly turned?: Tensor;
  /** The file (or files) that hold it, relative to the opened source; for messages. */
  readonly file: string;
  /**
   * Where the bytes lie, if their concatenation in this order is exactly the row-major little-endian data and
   * every file is local. Absent: only `read` works, on the thread that opened the checkpoint.
   */
  readonly extents?: readonly Extent[] | undefined;
  /**
   * Finds `extents`, for a tensor of which they are not known before its file is read. Whoever hands tensors to worker
   * threads calls it first; afterwards their absence means what it says above.
   * @throws as `read`
   */
  locate?(signal?: AbortSignal): Promise<void>;
  /**
   * Two tensors with the same `storage` share memory in the saving process (tied weights).
   * Absent where the format does not know.
   */
  readonly storage?: string;
  /**
   * Fills `into` with the bytes from `byteOffset` on.
   * @throws FormatError when the file ends early, ResourceError when reading fails.
   */
  read(byteOffset: number, into: Uint8Array, signal?: AbortSignal): Promise<void>;
}
