import type { ByteSource } from "../../bytes/index.ts";
import {
  byteLengthOf,
  bytesPerElement,
  type DType,
  type Extent,
  type Shape,
  type Tensor,
} from "../../core/index.ts";
import { type ChunkData, locateChunk } from "./item.ts";
import { itemsAtOnce, listedRunsLimit } from "./limits.ts";
import { BoxedOrder } from "./runs.ts";
import type { Chunk, TensorRecord } from "./tensor-record.ts";

/** Opens a file of the checkpoint, once. */
export type OpenSource = (file: string, signal?: AbortSignal) => Promise<ByteSource>;

export interface ChunkedParts {
  readonly id: string;
  readonly name: string;
  readonly record: TensorRecord;
  readonly open: OpenSource;
  /** Where the files lie in the source, with a slash at its end; for messages. */
  readonly folder?: string;
  /** Where chunks lie, if that is known already. */
  readonly data?: ReadonlyMap<Chunk, ChunkData>;
}

/**
 * A tensor that several ranks saved in boxes. Where the boxes' bytes lie is read from their own headers, and only when the
 * tensor is: a checkpoint of many ranks opens without touching them.
 */
export class ChunkedTensor implements Tensor {
  readonly id: string;
  readonly name: string;
  readonly dtype: DType;
  readonly shape: Shape;
  readonly byteLength: number;
  readonly file: string;
  /** Known once `locate` has been called. */
  extents?: readonly Extent[];
  readonly #chunks: readonly Chunk[];
  readonly #order: BoxedOrder<Chunk>;
  readonly #open: OpenSource;
  readonly #data: Map<Chunk, ChunkData>;
  readonly #width: number;

  constructor({ id, name, record, open, data, folder = "" }: ChunkedParts) {
    this.id = id;
    this.name = name;
    this.dtype = record.dtype;
    this.shape = record.shape;
    this.byteLength = byteLengthOf(record.dtype, record.shape);
    this.file = filesOf(record.chunks, folder);
    this.#chunks = record.chunks;
    this.#order = new BoxedOrder(record.shape, record.chunks);
    this.#open = open;
    this.#data = new Map(data);
    this.#width = bytesPerElement(record.dtype);
  }

  async locate(signal?: AbortSignal): Promise<void> {
    if (this.extents !== undefined || this.#order.runCount > listedRunsLimit) return;
    for (let at = 0; at < this.#chunks.length; at += itemsAtOnce)
      await Promise.all(this.#chunks.slice(at, at + itemsAtOnce).map((chunk) => this.#locate(chunk, signal)));
    const extents: Extent[] = [];
    for (const { box, start, length } of this.#order.runs(0, this.byteLength / this.#width)) {
      const first = await this.#start(box, signal);
      if (first === undefined) return;
      const byteOffset = first.byteOffset + start * this.#width;
      extents.push({ path: first.path, byteOffset, byteLength: length * this.#width });
    }
    this.extents = extents;
  }

  async read(byteOffset: number, into: Uint8Array, signal?: AbortSignal): Promise<void> {
    const width = this.#width;
    const first = Math.floor(byteOffset / width);
    const end = Math.ceil((byteOffset + into.byteLength) / width);
    // Where the run begins in `into`: before it, when the range starts inside of an element.
    let at = first * width - byteOffset;
    for (const { box, start, length } of this.#order.runs(first, end)) {
      const cut = Math.max(0, -at);
      const part = into.subarray(at + cut, Math.min(at + length * width, into.byteLength));
      const data = await this.#locate(box, signal);
      if ("tensor" in data) await data.tensor.read(start * width + cut, part, signal);
      else
        await (await this.#open(box.place.file, signal)).read(
          data.byteOffset + start * width + cut,
          part,
          signal,
        );
      at += length * width;
    }
  }

  /** Where a chunk starts in a local file; undefined when it is not one run of it. */
  async #start(
    chunk: Chunk,
    signal: AbortSignal | undefined,
  ): Promise<Pick<Extent, "path" | "byteOffset"> | undefined> {
    const data = await this.#locate(chunk, signal);
    if ("tensor" in data) return data.tensor.extents?.length === 1 ? data.tensor.extents[0] : undefined;
    const { localPath: path } = await this.#open(chunk.place.file, signal);
    return path === undefined ? undefined : { path, byteOffset: data.byteOffset };
  }

  async #locate(chunk: Chunk, signal: AbortSignal | undefined): Promise<ChunkData> {
    const known = this.#data.get(chunk);
    if (known !== undefined) return known;
    const source = await this.#open(chunk.place.file, signal);
    const data = await locateChunk(source, chunk, this, signal);
    this.#data.set(chunk, data);
    return data;
  }
}

const shownFiles = 3;

function filesOf(chunks: readonly Chunk[], folder: string): string {
  const files = [...new Set(chunks.map(({ place }) => folder + place.file))];
  const more = files.length > shownFiles ? ` and ${files.length - shownFiles} more` : "";
  return files.slice(0, shownFiles).join(", ") + more;
}
