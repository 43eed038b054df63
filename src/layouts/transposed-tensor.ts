import { bytesPerElement, type DType, type Shape, type Tensor } from "../core/index.ts";

/**
 * A matrix (rows, cols) as (cols, rows). Merges address `turned` and pay nothing. Read as a whole it is turned in memory, once:
 * meant for low-rank factors, which have a few megabytes.
 */
export class TransposedTensor implements Tensor {
  readonly id: string;
  readonly name: string;
  readonly dtype: DType;
  readonly shape: Shape;
  readonly byteLength: number;
  readonly file: string;
  readonly turned: Tensor;
  #turned: Promise<Uint8Array> | undefined;

  constructor(tensor: Tensor, name: string = tensor.name) {
    this.id = `${tensor.id}#transposed`;
    this.name = name;
    this.dtype = tensor.dtype;
    this.shape = [...tensor.shape].reverse();
    this.byteLength = tensor.byteLength;
    this.file = tensor.file;
    this.turned = tensor;
  }

  async read(byteOffset: number, into: Uint8Array, signal?: AbortSignal): Promise<void> {
    this.#turned ??= turn(this.turned, signal);
    into.set((await this.#turned).subarray(byteOffset, byteOffset + into.length));
  }
}

async function turn(tensor: Tensor, signal: AbortSignal | undefined): Promise<Uint8Array> {
  const [rows = 0, cols = 0] = tensor.shape;
  const width = bytesPerElement(tensor.dtype);
  const stored = new Uint8Array(tensor.byteLength);
  await tensor.read(0, stored, signal);
  const turned = new Uint8Array(tensor.byteLength);
  for (let row = 0; row < rows; row++) {
    for (let col = 0; col < cols; col++) {
      const from = (row * cols + col) * width;
      turned.set(stored.subarray(from, from + width), (col * rows + row) * width);
    }
  }
  return turned;
}
