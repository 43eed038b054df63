// torch's HuggingFaceStorageWriter with save_distributed: one safetensors file a rank, without `.metadata`.
import {
  FormatError,
  isJsonRecord,
  type JsonRecord,
  parseJsonRecord,
  type Tensor,
  UnsupportedError,
} from "../../core/index.ts";
import type { CheckpointFiles, OpenedFile } from "../checkpoint-files.ts";
import { ChunkedTensor } from "./chunked-tensor.ts";
import { checkCover } from "./cover.ts";
import { shardName } from "./file-names.ts";
import type { ChunkData } from "./item.ts";
import { checkWholeShapes } from "./shard-shapes.ts";
import type { Chunk } from "./tensor-record.ts";

interface Piece {
  readonly offsets: readonly number[];
  readonly tensor: Tensor;
}

/**
 * Opens the model that ranks saved in shards. Nothing in them says how large a tensor is: what no shard's own end shows and
 * no base that is given, is refused.
 * @throws FormatError TENON_DCP_SHARD_EMPTY, TENON_DCP_RANK_MISSING, TENON_DCP_SHARDING_INFO, TENON_DCP_COVER,
 *   TENON_DCP_CHUNK; UnsupportedError TENON_DCP_VERSION, TENON_DCP_SHAPES_UNPROVEN
 */
export async function openShards(
  files: CheckpointFiles,
  paths: readonly string[],
): Promise<readonly Tensor[]> {
  checkRanks(paths);
  for (const path of paths) if ((await files.tree.find(path))?.byteLength === 0) throw emptyShard(path);
  const pieces = new Map<string, Piece[]>();
  for (const opened of await files.openAll(paths))
    for (const [name, piece] of piecesOf(opened)) pieces.set(name, [...(pieces.get(name) ?? []), piece]);
  const tensors = [...pieces].map(([name, own]) => assembled(files, name, own));
  checkWholeShapes(
    tensors.map((tensor) => ({ tensor, boxes: (pieces.get(tensor.name) ?? []).map(boxOf) })),
    files.options.knownBase,
  );
  return tensors;
}

function assembled(files: CheckpointFiles, name: string, pieces: readonly Piece[]): Tensor {
  const [{ tensor: first, offsets }] = pieces as readonly [Piece];
  const odd = pieces.find(
    ({ tensor }) => tensor.dtype !== first.dtype || tensor.shape.length !== offsets.length,
  );
  if (odd !== undefined) {
    const message = `dcp: tensor ${JSON.stringify(name)} is ${first.dtype} in ${first.file} and ${odd.tensor.dtype} [${odd.tensor.shape.join(", ")}] in ${odd.tensor.file}`;
    throw new FormatError("TENON_DCP_CHUNK", message, {
      details: { tensor: name, files: [first.file, odd.tensor.file] },
    });
  }
  const shape = offsets.map((_, axis) =>
    Math.max(...pieces.map((piece) => (piece.offsets[axis] ?? 0) + (piece.tensor.shape[axis] ?? 0))),
  );
  const data = new Map<Chunk, ChunkData>();
  for (const { offsets: at, tensor } of pieces) {
    const place = { file: tensor.file, byteOffset: 0, byteLength: tensor.byteLength };
    if (tensor.byteLength > 0) data.set({ offsets: at, sizes: tensor.shape, place }, { tensor });
  }
  const chunks = checkCover(name, shape, [...data.keys()], first.file);
  return new ChunkedTensor({
    id: `${files.tree.location}#${name}`,
    name,
    record: { dtype: first.dtype, shape, chunks },
    open: () => Promise.reject(new Error(`internal: ${name} has its chunks`)),
    data,
  });
}

function boxOf({ offsets, tensor }: Piece): { offsets: readonly number[]; sizes: readonly number[] } {
  return { offsets, sizes: tensor.shape };
}

function piecesOf({ path, file, tensors }: OpenedFile): [string, Piece][] {
  const version = file.metadata["DCP_VERSION"];
  if (version !== undefined && !/^1(\.\d+)*$/.test(version))
    throw new UnsupportedError("TENON_DCP_VERSION", `dcp: version ${version}; 1 is known (${path})`, {
      details: { version, path },
      hint: "Consolidate it with the torch that wrote it.",
    });
  const text = file.metadata["DCP_SHARDING_INFO"];
  if (text === undefined) throw noInfo("the header has no DCP_SHARDING_INFO", path);
  const info = parseJsonRecord(text, { file: `DCP_SHARDING_INFO of ${path}` });
  return tensors.map((tensor) => [tensor.name, { tensor, offsets: offsetsOf(info, tensor, path) }]);
}

function offsetsOf(info: JsonRecord, { name, shape }: Tensor, path: string): number[] {
  const entry = info[name];
  const offsets = entry !== undefined && isJsonRecord(entry) ? entry["saved_offsets"] : undefined;
  const isGood =
    Array.isArray(offsets) &&
    offsets.length === shape.length &&
    offsets.every((offset) => Number.isSafeInteger(offset) && Number(offset) >= 0);
  if (!isGood) throw noInfo(`DCP_SHARDING_INFO has no offsets of ${JSON.stringify(name)}`, path);
  return offsets as number[];
}

function noInfo(complaint: string, path: string): FormatError {
  return new FormatError(
    "TENON_DCP_SHARDING_INFO",
    `dcp: ${complaint}, so where its tensors belong is unknown (${path})`,
    {
      details: { path },
      hint: "Save again with torch's HuggingFaceStorageWriter, or with enable_consolidation=True.",
    },
  );
}

function emptyShard(path: string): FormatError {
  return new FormatError("TENON_DCP_SHARD_EMPTY", `dcp: the shard has no bytes: saving it failed (${path})`, {
    details: { path },
    hint: "Save again; safetensors cannot store weights that share memory: clone or drop the tied one first.",
  });
}

/** Every rank up to the last must have written a shard, all of them of one save. */
function checkRanks(paths: readonly string[]): void {
  const parts = paths.map((path) => shardName.exec(path) as RegExpExecArray);
  const ranks = new Set(parts.map(([, rank]) => Number(rank)));
  const totals = new Set(parts.map(([, , , total]) => total));
  if (totals.size > 1)
    throw new FormatError(
      "TENON_SHARD_COUNTS_DIFFER",
      `dcp: shards of different counts stand side by side: of ${[...totals].join(", of ")} (${paths[0]})`,
      { details: { totals: [...totals] }, hint: "Move the shards of the older save out of the directory." },
    );
  for (let rank = 1; rank <= ranks.size; rank++)
    if (!ranks.has(rank))
      throw new FormatError(
        "TENON_DCP_RANK_MISSING",
        `dcp: no shard of rank ${rank} is here, of higher ranks there are (${paths[0]})`,
        {
          details: { rank, ranks: [...ranks].sort((a, b) => a - b) },
          hint: "Copy the shards of every rank: each node may have kept its own on its disk.",
        },
      );
}
