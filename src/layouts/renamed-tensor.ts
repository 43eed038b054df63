import type { DType, Extent, Shape, Tensor } from "../core/index.ts";

/** The same tensor under another name: the one that a model knows it by, where a file keeps it deeper inside. */
export class RenamedTensor implements Tensor {
  readonly id: string;
  readonly name: string;
  readonly dtype: DType;
  readonly shape: Shape;
  readonly byteLength: number;
  readonly file: string;
  readonly extents?: readonly Extent[];
  readonly storage?: string;
  readonly #tensor: Tensor;

  constructor(tensor: Tensor, name: string) {
    this.id = tensor.id;
    this.name = name;
    this.dtype = tensor.dtype;
    this.shape = tensor.shape;
    this.byteLength = tensor.byteLength;
    this.file = tensor.file;
    if (tensor.extents !== undefined) this.extents = tensor.extents;
    if (tensor.storage !== undefined) this.storage = tensor.storage;
    this.#tensor = tensor;
  }

  read(byteOffset: number, into: Uint8Array, signal?: AbortSignal): Promise<void> {
    return this.#tensor.read(byteOffset, into, signal);
  }
}
