// Items of a `.distcp` file: complete torch.save files, one behind the other.
import { type ByteSource, readAhead } from "../../bytes/index.ts";
import { FormatError, sameShape, type Tensor } from "../../core/index.ts";
import { openTorch, type TorchFile, tensorsIn } from "../../formats/index.ts";
import { itemBlockBytes } from "./limits.ts";
import type { Place } from "./place.ts";
import type { Chunk, TensorRecord } from "./tensor-record.ts";

/** Where the bytes of a chunk lie: one run of the file, or, for one stored with strides, a tensor that gathers them. */
export type ChunkData = { readonly byteOffset: number } | { readonly tensor: Tensor };

/** Opens an item: its header is read, no tensor data. @throws as openTorch */
export function openItem(source: ByteSource, place: Place, signal?: AbortSignal): Promise<TorchFile> {
  return openTorch(new ItemSource(source, place), signal ? { signal } : {});
}

/**
 * Finds the bytes of a chunk, and compares what the item itself says of it.
 * @throws FormatError TENON_DCP_CHUNK when it holds something else than `.metadata` says
 */
export async function locateChunk(
  source: ByteSource,
  { sizes, place }: Chunk,
  { name, dtype }: Pick<TensorRecord, "dtype"> & { readonly name: string },
  signal?: AbortSignal,
): Promise<ChunkData> {
  const { object } = await openItem(source, place, signal);
  const [first, ...more] = tensorsIn(object, { file: place.file });
  const [path, tensor] = first ?? [];
  const fail = (found: string): never => {
    const message = `dcp: tensor ${JSON.stringify(name)}: the item at byte ${place.byteOffset} holds ${found}, .metadata says ${dtype} [${sizes.join(", ")}] (${source.path})`;
    throw new FormatError("TENON_DCP_CHUNK", message, {
      details: { tensor: name, byteOffset: place.byteOffset, path: source.path },
      hint: "Files of two saves may be mixed: copy the checkpoint again, whole.",
    });
  };
  if (tensor === undefined || path === undefined || path.length > 0 || more.length > 0)
    return fail("no tensor");
  if (tensor.dtype !== dtype || !sameShape(tensor.shape, sizes))
    return fail(`${tensor.dtype} [${tensor.shape.join(", ")}]`);
  const [extent, ...others] = tensor.extents ?? [];
  if (extent === undefined || others.length > 0) return { tensor };
  return { byteOffset: place.byteOffset + extent.byteOffset };
}

/** One item as a file of its own. Its header is read in few, small blocks. */
class ItemSource implements ByteSource {
  readonly path: string;
  readonly location: string;
  readonly byteLength: number;
  /** Offsets are wanted of every file, local or not: a path of any kind makes the format find them. */
  readonly localPath: string;
  readonly #source: ByteSource;

  constructor(source: ByteSource, { byteOffset, byteLength }: Place) {
    this.path = source.path;
    this.location = `${source.location}@${byteOffset}`;
    this.byteLength = byteLength;
    this.localPath = source.location;
    const { path, location } = this;
    const range: ByteSource = {
      path,
      location,
      byteLength,
      read: (from, into, signal) => source.read(byteOffset + from, into, signal),
      close: async () => {},
    };
    this.#source = readAhead(range, itemBlockBytes);
  }

  read(byteOffset: number, into: Uint8Array, signal?: AbortSignal): Promise<void> {
    return this.#source.read(byteOffset, into, signal);
  }

  async close(): Promise<void> {}
}
