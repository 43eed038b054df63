// Which files of a directory hold the model, by the names that transformers and accelerate give them.
import type { SourceTree } from "../bytes/index.ts";
import { FormatError, isJsonRecord, safeRelativePath } from "../core/index.ts";
import { readJsonDocument } from "./documents.ts";
import { indexBytesLimit, weightFilesLimit } from "./limits.ts";
import type { Notices } from "./notices.ts";

/** The tensor files of a model directory. */
export interface ModelFiles {
  /** In the order of their names. */
  readonly paths: readonly string[];
  /** The index that names them, with the file that each tensor is said to be in. */
  readonly index?: { readonly path: string; readonly weightMap: ReadonlyMap<string, string> };
  /** Other files at the same level that hold a model as well and are passed over. */
  readonly passedOver: readonly string[];
}

type Kind = { readonly kind: "single" | "index" | "shards"; readonly paths: readonly string[] };

/**
 * The ways in which a model is stored, the one that transformers looks for first standing first: one safetensors
 * file, sharded safetensors, one pickle, sharded pickles (transformers `modeling_utils.py`, checkpoint resolution).
 */
function kindsIn(rootFiles: readonly string[]): Kind[] {
  const kinds: Kind[] = [];
  for (const [stem, extension] of [
    ["model", "safetensors"],
    ["pytorch_model", "bin"],
  ] as const) {
    const single = `${stem}.${extension}`;
    const index = `${single}.index.json`;
    const shards = rootFiles.filter((path) => shardOf(path, stem, extension) !== undefined);
    if (rootFiles.includes(single)) kinds.push({ kind: "single", paths: [single] });
    if (rootFiles.includes(index)) kinds.push({ kind: "index", paths: [index, ...shards] });
    else if (shards.length > 0) kinds.push({ kind: "shards", paths: shards });
  }
  return kinds;
}

/** The file names that say that a directory holds a model; empty when it does not. */
export function modelFileNames(rootFiles: readonly string[]): readonly string[] {
  return kindsIn(rootFiles)[0]?.paths ?? [];
}

/**
 * Finds the tensor files of a model; undefined when the directory has none.
 * @throws FormatError TENON_SHARD_MISSING, TENON_INDEX_MALFORMED, TENON_PATH_UNSAFE, TENON_WEIGHTS_TOO_MANY_FILES
 */
export async function findModelFiles(
  tree: SourceTree,
  rootFiles: readonly string[],
  notices: Notices,
): Promise<ModelFiles | undefined> {
  const [first, ...rest] = kindsIn(rootFiles);
  if (first === undefined) return undefined;
  const own = new Set(first.paths);
  const passedOver = rest.flatMap(({ paths }) => paths).filter((path) => !own.has(path));
  if (first.kind === "single") return { paths: first.paths, passedOver };
  if (first.kind === "shards") {
    checkNumbering(first.paths, notices);
    return { paths: first.paths, passedOver };
  }
  const [path = ""] = first.paths;
  const weightMap = await readWeightMap(tree, path);
  const counts = new Map<string, number>();
  for (const shard of weightMap.values()) counts.set(shard, (counts.get(shard) ?? 0) + 1);
  const named = [...counts.keys()].sort();
  if (named.length > weightFilesLimit) throw tooManyFiles(named.length, path);
  const paths: string[] = [];
  for (const shard of named) {
    if ((await tree.find(shard)) !== undefined) paths.push(shard);
    else notices.damage(shardMissing(shard, path, counts.get(shard)), [shard]);
  }
  // A shard of an earlier save that the index does not name.
  const stale = first.paths.filter((shard) => shard !== path && !named.includes(shard));
  return { paths, index: { path, weightMap }, passedOver: [...stale, ...passedOver] };
}

function tooManyFiles(count: number, path: string): FormatError {
  const message = `hf: the index names ${count} files; at most ${weightFilesLimit} are opened together (${path})`;
  return new FormatError("TENON_WEIGHTS_TOO_MANY_FILES", message, { details: { count, path } });
}

function shardMissing(shard: string, from: string, count?: number): FormatError {
  const tensors = count === undefined ? "" : ` with ${count} tensors`;
  return new FormatError(
    "TENON_SHARD_MISSING",
    `hf: the shard ${JSON.stringify(shard)}${tensors} is named but not there (${from})`,
    { details: { shard, from }, hint: "Copy or download the missing file." },
  );
}

/** `model-00002-of-00003.safetensors` → [2, 3]. */
function shardOf(path: string, stem: string, extension: string): [number, number] | undefined {
  const pattern = /^(.+)-(\d{5,})-of-(\d{5,})\.([a-z]+)$/.exec(path);
  if (pattern === null || pattern[1] !== stem || pattern[4] !== extension) return undefined;
  return [Number(pattern[2]), Number(pattern[3])];
}

/** Without an index the names alone say how many shards there must be. */
function checkNumbering(paths: readonly string[], notices: Notices): void {
  const match = /^(.*-)\d+(-of-)(\d+)(\..*)$/;
  const totals = new Set(paths.map((path) => match.exec(path)?.[3] ?? ""));
  const [total = ""] = totals;
  if (totals.size > 1) {
    const message = `hf: shards of different counts stand side by side: of ${[...totals].join(", of ")} (${paths[0]})`;
    throw new FormatError("TENON_SHARD_COUNTS_DIFFER", message, {
      details: { totals: [...totals] },
      hint: "Move the shards of the older save out of the directory.",
    });
  }
  const [, stem = "", of = "", , extension = ""] = match.exec(paths[0] ?? "") ?? [];
  const present = new Set(paths);
  // The count comes from a file name: a name that claims a million shards is answered by its first gap.
  for (let number = 1; number <= Number(total) && present.size > 0; number++) {
    const path = `${stem}${String(number).padStart(total.length, "0")}${of}${total}${extension}`;
    if (present.delete(path)) continue;
    notices.damage(shardMissing(path, "the numbering of the shards"), [path]);
  }
}

async function readWeightMap(tree: SourceTree, path: string): Promise<Map<string, string>> {
  const document = await readJsonDocument(tree, path, { limitBytes: indexBytesLimit });
  const map = document["weight_map"];
  if (map === undefined || !isJsonRecord(map)) throw malformed("has no weight_map object", path);
  const weightMap = new Map<string, string>();
  for (const [name, file] of Object.entries(map)) {
    if (typeof file !== "string") throw malformed(`gives ${JSON.stringify(name)} no file name`, path);
    weightMap.set(name, safeRelativePath(file, path));
  }
  return weightMap;
}

function malformed(what: string, path: string): FormatError {
  return new FormatError("TENON_INDEX_MALFORMED", `hf: the index ${what} (${path})`, { details: { path } });
}
