import { byteLengthOf, type DType, type Extent, type Shape, type Tensor } from "../core/index.ts";

/** A run of bytes of a stored tensor. */
export interface TensorSlice {
  readonly tensor: Tensor;
  readonly byteOffset: number;
  readonly byteLength: number;
}

export interface AssembledParts {
  readonly id: string;
  readonly name: string;
  readonly dtype: DType;
  readonly shape: Shape;
  /**
   * In the order of the row-major bytes; together exactly as long as dtype and shape say. A function is called when bytes
   * or extents are asked for: with many workers a model has many more slices than tensors.
   */
  readonly slices: readonly TensorSlice[] | (() => readonly TensorSlice[]);
  /** For messages. Default: the files of the slices. */
  readonly file?: string;
  /** What tied names share. */
  readonly storage?: string;
}

/**
 * A tensor whose bytes lie in pieces of other tensors, as workers keep their shares of a flat buffer. Where every piece is
 * in a local file, so is the whole: worker threads read the pieces by themselves.
 */
export class AssembledTensor implements Tensor {
  readonly id: string;
  readonly name: string;
  readonly dtype: DType;
  readonly shape: Shape;
  readonly byteLength: number;
  readonly file: string;
  readonly storage?: string;
  readonly #source: AssembledParts["slices"];
  #slices: readonly TensorSlice[] | undefined;

  constructor({ id, name, dtype, shape, slices, file, storage }: AssembledParts) {
    this.id = id;
    this.name = name;
    this.dtype = dtype;
    this.shape = shape;
    this.byteLength = byteLengthOf(dtype, shape);
    this.#source = slices;
    this.file = file ?? [...new Set(this.#pieces().map((slice) => slice.tensor.file))].join(", ");
    if (storage !== undefined) this.storage = storage;
  }

  get extents(): readonly Extent[] | undefined {
    const extents = this.#pieces().map(extentsOf);
    return extents.every((found) => found !== undefined) ? extents.flat() : undefined;
  }

  async locate(signal?: AbortSignal): Promise<void> {
    for (const tensor of new Set(this.#pieces().map((slice) => slice.tensor))) await tensor.locate?.(signal);
  }

  async read(byteOffset: number, into: Uint8Array, signal?: AbortSignal): Promise<void> {
    let start = 0;
    for (const slice of this.#pieces()) {
      const from = Math.max(byteOffset, start);
      const to = Math.min(byteOffset + into.length, start + slice.byteLength);
      if (from < to) {
        const part = into.subarray(from - byteOffset, to - byteOffset);
        await slice.tensor.read(slice.byteOffset + from - start, part, signal);
      }
      start += slice.byteLength;
    }
  }

  #pieces(): readonly TensorSlice[] {
    if (this.#slices !== undefined) return this.#slices;
    const all = typeof this.#source === "function" ? this.#source() : this.#source;
    const total = all.reduce((sum, { byteLength }) => sum + byteLength, 0);
    if (total !== this.byteLength)
      throw new Error(`internal: ${this.name}: ${total} bytes of ${this.byteLength}`);
    const filled = all.filter(({ byteLength }) => byteLength > 0);
    // Slices that a function gives are not kept: all tensors of a save of many workers have millions of them.
    if (typeof this.#source !== "function") this.#slices = filled;
    return filled;
  }
}

/** All of a tensor. */
export function wholeOf(tensor: Tensor): TensorSlice {
  return { tensor, byteOffset: 0, byteLength: tensor.byteLength };
}

/** A run of bytes of a tensor as one of its own, under the name that is stored. */
export function sliceOf(
  tensor: Tensor,
  { id, shape, byteOffset }: Pick<Tensor, "id" | "shape"> & { readonly byteOffset: number },
): Tensor {
  const { name, dtype, file } = tensor;
  const slice = { tensor, byteOffset, byteLength: byteLengthOf(dtype, shape) };
  return new AssembledTensor({ id, name, dtype, shape, file, slices: [slice] });
}

/** The part of a tensor's extents that a slice covers. */
function extentsOf({ tensor, byteOffset, byteLength }: TensorSlice): readonly Extent[] | undefined {
  if (tensor.extents === undefined) return undefined;
  const found: Extent[] = [];
  let start = 0;
  for (const { path, byteOffset: at, byteLength: length } of tensor.extents) {
    const from = Math.max(byteOffset, start);
    const to = Math.min(byteOffset + byteLength, start + length);
    if (from < to) found.push({ path, byteOffset: at + from - start, byteLength: to - from });
    start += length;
  }
  return found;
}
