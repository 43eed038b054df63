import type { ByteSource } from "../bytes/index.ts";
import type { DType, Shape, Tensor } from "../core/index.ts";

/** Where a tensor lies in a file: one run of row-major little-endian bytes. */
export interface StoredPlace {
  readonly name: string;
  readonly dtype: DType;
  readonly shape: Shape;
  /** From the start of the file. */
  readonly byteOffset: number;
  readonly byteLength: number;
}

/**
 * A tensor that lies in one run of a file. Nothing is read, and the place is not compared with the length of the file:
 * reading past its end throws. Worker threads read it by themselves where the file is local.
 */
export function storedTensor(source: ByteSource, place: StoredPlace): Tensor {
  return new StoredTensor(source, place);
}

class StoredTensor implements Tensor {
  readonly id: string;
  readonly name: string;
  readonly dtype: DType;
  readonly shape: Shape;
  readonly byteLength: number;
  readonly file: string;
  readonly extents?: NonNullable<Tensor["extents"]>;
  readonly #source: ByteSource;
  readonly #byteOffset: number;

  constructor(source: ByteSource, { name, dtype, shape, byteOffset, byteLength }: StoredPlace) {
    this.id = `${source.location}#${name}`;
    this.name = name;
    this.dtype = dtype;
    this.shape = shape;
    this.byteLength = byteLength;
    this.file = source.path;
    this.#source = source;
    this.#byteOffset = byteOffset;
    if (source.localPath !== undefined) this.extents = [{ path: source.localPath, byteOffset, byteLength }];
  }

  async read(byteOffset: number, into: Uint8Array, signal?: AbortSignal): Promise<void> {
    if (byteOffset < 0 || byteOffset + into.length > this.byteLength) {
      throw new Error(`internal: read past the ${this.byteLength} bytes of tensor ${this.name}`);
    }
    await this.#source.read(this.#byteOffset + byteOffset, into, signal);
  }
}
