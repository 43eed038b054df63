// Tensors that an edit makes: zeros, seeded values, copies that grew. Their bytes come about as they are read.
import { bytesPerElement, type Tensor } from "../core/index.ts";
import { bitsFromFloat, type FloatDType } from "../ops/index.ts";
import type { MadeTensor } from "../plan/index.ts";
import { SeededValues } from "./seeded-values.ts";

/** A rectangle of a row-major matrix: elements are `rows` × `cols` of it from row and column 0. */
interface Kept {
  readonly source: Tensor;
  readonly rows: number;
  readonly cols: number;
}

/** Reads what `making` describes; nothing larger than what is asked for is held. */
export class LazyMadeTensor implements Tensor {
  readonly id: string;
  readonly name: string;
  readonly dtype: Tensor["dtype"];
  readonly shape: Tensor["shape"];
  readonly byteLength: number;
  readonly file: string = "";
  readonly #cols: number;
  readonly #width: number;
  readonly #kept: Kept | undefined;
  readonly #values: SeededValues | undefined;

  /** @param resolve gives the tensors that this one is made of */
  constructor(made: MadeTensor, resolve: (id: string) => Tensor) {
    const { making, shape } = made;
    this.id = made.id;
    this.name = made.name;
    this.dtype = made.dtype;
    this.shape = shape;
    this.byteLength = made.byteLength;
    this.#width = bytesPerElement(made.dtype);
    this.#cols = colsOf(shape);
    const { fill } = making;
    this.#values = fill.kind === "uniform" ? new SeededValues(fill) : undefined;
    if (making.kind === "filled") return;
    const { source, axis } = making;
    const size = Math.min(shape[axis] ?? 0, source.shape[axis] ?? 0);
    const inner = shape.slice(2).reduce((product, each) => product * each, 1);
    const [rows, cols] = axis === 0 ? [size, this.#cols] : [shape[0] ?? 0, size * inner];
    this.#kept = { source: resolve(source.id), rows, cols };
  }

  async read(byteOffset: number, into: Uint8Array, signal?: AbortSignal): Promise<void> {
    const width = this.#width;
    const first = Math.floor(byteOffset / width);
    const end = Math.ceil((byteOffset + into.length) / width);
    if (byteOffset % width === 0 && into.length % width === 0) return this.#fill(first, end, into, signal);
    const whole = new Uint8Array((end - first) * width);
    await this.#fill(first, end, whole, signal);
    into.set(whole.subarray(byteOffset - first * width, byteOffset - first * width + into.length));
  }

  /** Elements from `first` to `end`. */
  async #fill(first: number, end: number, into: Uint8Array, signal: AbortSignal | undefined): Promise<void> {
    this.#drawn(first, into);
    if (this.#kept !== undefined) await this.#copy(this.#kept, first, end, into, signal);
  }

  #drawn(first: number, into: Uint8Array): void {
    const values = this.#values;
    if (values === undefined) {
      into.fill(0);
      return;
    }
    const view = new DataView(into.buffer, into.byteOffset, into.byteLength);
    const dtype = this.dtype as FloatDType;
    for (let at = 0; at < into.length / this.#width; at++) {
      const bits = bitsFromFloat(dtype, values.at(first + at));
      if (this.#width === 4) view.setUint32(at * 4, bits, true);
      else view.setUint16(at * 2, bits, true);
    }
  }

  /** Lays what the source has over it, read in one run of whole rows. */
  async #copy(
    { source, rows, cols }: Kept,
    first: number,
    end: number,
    into: Uint8Array,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    const [width, all] = [this.#width, this.#cols];
    const sourceCols = colsOf(source.shape);
    const firstRow = Math.floor(first / all);
    const endRow = Math.min(rows, Math.ceil(end / all));
    if (endRow <= firstRow || cols === 0) return;
    // Of the first and the last row only what is asked for.
    const from = firstRow * sourceCols + Math.min(first - firstRow * all, sourceCols);
    const to = (endRow - 1) * sourceCols + Math.min(end - (endRow - 1) * all, sourceCols);
    if (to <= from) return;
    const bytes = new Uint8Array((to - from) * width);
    await source.read(from * width, bytes, signal);
    for (let row = firstRow; row < endRow; row++) {
      const start = Math.max(first, row * all);
      const stop = Math.min(end, row * all + cols);
      if (stop <= start) continue;
      const at = row * sourceCols + (start - row * all) - from;
      into.set(bytes.subarray(at * width, (at + stop - start) * width), (start - first) * width);
    }
  }
}

/** Elements of a row: everything behind the first axis. */
function colsOf(shape: Tensor["shape"]): number {
  return shape.slice(1).reduce((product, size) => product * size, 1);
}
