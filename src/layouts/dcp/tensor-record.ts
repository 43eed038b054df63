import { byteLengthOf, type DType, elementCount, type Shape, UnsupportedError } from "../../core/index.ts";
import { torchDType } from "../../formats/index.ts";
import { describe, PickleGlobal, type PickleRecord, PickleTuple } from "../../pickle/index.ts";
import { checkCover } from "./cover.ts";
import { badMetadata } from "./errors.ts";
import type { Place } from "./place.ts";
import { field, isRecord, sizesOf } from "./record.ts";

/** A box of a tensor that one rank saved. */
export interface Chunk {
  /** Index of its first element, one an axis. */
  readonly offsets: Shape;
  readonly sizes: Shape;
  readonly place: Place;
}

/** A tensor of the checkpoint, cut into chunks that cover it exactly. */
export interface TensorRecord {
  readonly dtype: DType;
  readonly shape: Shape;
  /** Those with elements, in the order of their offsets. */
  readonly chunks: readonly Chunk[];
}

/**
 * Reads a TensorStorageMetadata.
 * @param places offsets joined by commas → place of the chunk that starts there
 * @throws FormatError TENON_DCP_METADATA, TENON_DCP_COVER; UnsupportedError TENON_DCP_TENSOR
 */
export function tensorRecord(
  name: string,
  record: PickleRecord,
  places: ReadonlyMap<string, Place>,
  path: string,
): TensorRecord {
  const dtype = dtypeOf(name, record, path);
  const shape = sizesOf(field(record, "size"), `size of ${name}`, path);
  byteLengthOf(dtype, shape);
  const listed = field(record, "chunks");
  if (!Array.isArray(listed)) return badMetadata(path, `chunks of ${name} are ${describe(listed)}`, { name });
  const chunks: Chunk[] = [];
  for (const each of listed) {
    if (!isRecord(each, "ChunkStorageMetadata"))
      return badMetadata(path, `a chunk of ${name} is ${describe(each)}`, { name });
    const offsets = sizesOf(field(each, "offsets"), `offsets of a chunk of ${name}`, path);
    const sizes = sizesOf(field(each, "sizes"), `sizes of a chunk of ${name}`, path);
    const key = offsets.join(",");
    // A tensor that was saved whole may be filed without an offset.
    const place = places.get(key) ?? (listed.length === 1 ? places.get("object") : undefined);
    if (place === undefined)
      return badMetadata(path, `chunk [${key}] of ${JSON.stringify(name)} has no place in storage_data`, {
        name,
      });
    if (elementCount(sizes) > 0) chunks.push({ offsets, sizes, place });
  }
  if (places.size > listed.length)
    return badMetadata(
      path,
      `${JSON.stringify(name)} has ${listed.length} chunks and ${places.size} places`,
      { name },
    );
  return { dtype, shape, chunks: checkCover(name, shape, chunks, path) };
}

/** TensorProperties pickles as (dtype, layout, requires_grad, memory format, pinned). */
function dtypeOf(name: string, record: PickleRecord, path: string): DType {
  const properties = field(record, "properties");
  if (!isRecord(properties, "TensorProperties") || !(properties.state instanceof PickleTuple))
    return badMetadata(path, `properties of ${JSON.stringify(name)} are ${describe(properties)}`, { name });
  const { state } = properties;
  if (state.length !== 5)
    return badMetadata(path, `properties of ${JSON.stringify(name)} have ${state.length} fields, not 5`, {
      name,
    });
  const [type, layout] = state;
  const [kind] = isRecord(layout, "_get_layout") ? layout.args : [];
  if (kind !== "torch.strided") refuse(name, `has the layout ${String(kind ?? describe(layout))}`, path);
  if (!(type instanceof PickleGlobal) || type.module !== "torch")
    return badMetadata(path, `dtype of ${JSON.stringify(name)} is ${describe(type)}`, { name });
  return torchDType(type.name) ?? refuse(name, `has the dtype torch.${type.name}`, path);
}

function refuse(name: string, what: string, path: string): never {
  throw new UnsupportedError(
    "TENON_DCP_TENSOR",
    `dcp: tensor ${JSON.stringify(name)} ${what}, which is not read (${path})`,
    {
      details: { tensor: name, path },
      hint: "Load it with torch and save it again as a dense tensor of a usual dtype.",
    },
  );
}
