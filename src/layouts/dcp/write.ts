import { byteLengthOf, type Draft, type OutputFile, type Recipe } from "../../core/index.ts";
import { archiveExtents, TensorPlace } from "../../formats/index.ts";
import type { ArrangeOptions } from "../layout.ts";
import { defaultShardBytes } from "../limits.ts";
import { refusePartialBase } from "../live-model.ts";
import { modelDocuments } from "../model-documents.ts";
import { metadataName } from "./file-names.ts";
import { writtenChunkBytes } from "./limits.ts";
import { type PlacedItem, writeMetadata } from "./write-metadata.ts";
import { type WrittenItem, writtenItems } from "./written-items.ts";

/**
 * One folder, as `dcp.save({"model": …, "optimizer": …})` leaves it: data files in which each chunk of a tensor and each Python
 * object is a torch.save archive of its own, and `.metadata`, which comes last. Beside them what the names do not say:
 * config.json, adapter_config.json and the model's companions. A data file takes chunks until `maxShardBytes` are in it.
 * @param chunkBytes the largest chunk; tensors are cut between rows, and a single row is not cut
 * @throws PlanError TENON_LAYOUT_NEEDS_WHOLE_BASE, TENON_LAYOUT_SAME_NAME, TENON_OPTIMIZER_NOT_IN_MODEL,
 *   TENON_DCP_NAMES_CLASH; UnsupportedError TENON_TORCH_DTYPE_UNWRITABLE
 */
export function arrangeDcp(
  draft: Draft,
  options: ArrangeOptions,
  chunkBytes: number = writtenChunkBytes,
): readonly OutputFile[] {
  refusePartialBase("dcp", draft);
  const files: OutputFile[] = [];
  const placed: PlacedItem[] = [];
  const pieces = writtenItems(draft).flatMap((item) => piecesOf(item, chunkBytes));
  for (const [at, own] of dataFiles(pieces, options.maxShardBytes ?? defaultShardBytes).entries()) {
    const path = `__0_${at}.distcp`;
    const entries = own.flatMap(({ entry }) => (entry === undefined ? [] : [entry]));
    const objects = own.map(({ item, entry }) => {
      if (entry !== undefined) return new TensorPlace(entry.name);
      return "object" in item ? item.object : null;
    });
    const stored = entries.map(({ name, recipe: { dtype, shape } }) => ({ name, dtype, shape }));
    for (const [index, extent] of archiveExtents(stored, objects).entries()) {
      const { item, firstRow, entry } = own[index] as Piece;
      placed.push({ item, firstRow, shape: entry?.recipe.shape, place: { file: path, ...extent } });
    }
    files.push({ kind: "tensors", path, format: "torch", entries, metadata: {}, objects });
  }
  files.push(...modelDocuments(draft));
  files.push({ kind: "bytes", path: metadataName, bytes: writeMetadata(placed) });
  return files;
}

/** What becomes an archive of its own: an object, a tensor, or some rows of one. */
interface Piece {
  readonly item: WrittenItem;
  readonly firstRow: number;
  /** Absent for an object. */
  readonly entry?: { readonly name: string; readonly recipe: Recipe };
}

function piecesOf(item: WrittenItem, chunkBytes: number): readonly Piece[] {
  if ("object" in item) return [{ item, firstRow: 0 }];
  const { name, recipe } = item;
  const { dtype, shape, steps, source } = recipe;
  const bytes = byteLengthOf(dtype, shape);
  const [rows = 1, ...rest] = shape;
  const isKept = steps.length === 0 && dtype === source.dtype;
  if (bytes <= chunkBytes || rows === 1 || !isKept) return [{ item, firstRow: 0, entry: { name, recipe } }];
  const rowBytes = bytes / rows;
  const perPiece = Math.max(1, Math.floor(chunkBytes / rowBytes));
  const pieces: Piece[] = [];
  for (let firstRow = 0; firstRow < rows; firstRow += perPiece) {
    const count = Math.min(perPiece, rows - firstRow);
    const part = { ...recipe, shape: [count, ...rest], sourceByteOffset: firstRow * rowBytes };
    pieces.push({
      item,
      firstRow,
      entry: { name: `${name}[${firstRow}:${firstRow + count}]`, recipe: part },
    });
  }
  return pieces;
}

/** In the order given; a piece that is too large for any file gets its own. */
function dataFiles(pieces: readonly Piece[], maxBytes: number): readonly (readonly Piece[])[] {
  const files: Piece[][] = [];
  let usedBytes = Number.POSITIVE_INFINITY;
  for (const piece of pieces) {
    const bytes = piece.entry ? byteLengthOf(piece.entry.recipe.dtype, piece.entry.recipe.shape) : 0;
    if (usedBytes + bytes > maxBytes) {
      files.push([]);
      usedBytes = 0;
    }
    files.at(-1)?.push(piece);
    usedBytes += bytes;
  }
  return files;
}
