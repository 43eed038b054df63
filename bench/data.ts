import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, statfsSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { writeAdapter } from "./adapter.ts";
import { type CheckpointOptions, weightBytes, writeCheckpoint } from "./checkpoint.ts";
import { type LlamaSizes, llama405B } from "./llama.ts";

/** Raised when the generators write other bytes, so that what lies in the cache is made again. */
const generatorVersion = 1;

/** Where generated files lie: `--data`, else TENON_BENCH_DATA, else bench/.data, which git ignores. */
export function dataDirectory(option: string | undefined): string {
  return resolve(option ?? process.env["TENON_BENCH_DATA"] ?? "bench/.data");
}

/** What the benchmark works on. All paths are directories. */
export interface BenchData {
  readonly root: string;
  readonly base: string;
  readonly adapters: ReadonlyMap<number, string>;
  /** Headers of a 405B model, the rest is holes. */
  readonly headers: string;
  /** Made and deleted by each run. */
  readonly output: string;
  readonly baseBytes: number;
}

export interface DataOptions {
  readonly sizes: LlamaSizes;
  readonly loraRanks: readonly number[];
  /** Of the base; default `random`. */
  readonly weights?: CheckpointOptions["weights"];
}

/** Makes what is not there yet, and says so on stderr. Checks first that the disk takes it and one output. */
export function prepareData(root: string, { sizes, loraRanks, weights = "random" }: DataOptions): BenchData {
  mkdirSync(root, { recursive: true });
  const output = join(root, "output");
  rmSync(output, { recursive: true, force: true });
  const baseBytes = weightBytes(sizes);
  const label = `${Math.round(baseBytes / 1e6)}mb`;
  const base = join(root, `base-${label}`);
  const isWritten = weights === "random" && !existsSync(base);
  requireSpace(root, baseBytes * (isWritten ? 2.2 : 1.2));
  madeOnce(base, { sizes, weights }, (path) => writeCheckpoint(path, sizes, { weights }));
  const adapters = loraRanks.map((loraRank): [number, string] => {
    const adapter = join(root, `adapter-${label}-r${loraRank}`);
    madeOnce(adapter, { sizes, loraRank }, (path) => writeAdapter(path, sizes, loraRank));
    return [loraRank, adapter];
  });
  const headers = join(root, "headers-405b");
  madeOnce(headers, llama405B, (path) => writeCheckpoint(path, llama405B, { weights: "holes" }));
  return { root, base, adapters: new Map(adapters), headers, output, baseBytes };
}

/** Makes a directory unless one of the same recipe is there; a run that was stopped leaves none. */
export function madeOnce(path: string, of: unknown, write: (directory: string) => void): void {
  const recipe = JSON.stringify({ generatorVersion, of });
  const stamp = `${path}.recipe.json`;
  if (existsSync(path) && existsSync(stamp) && readFileSync(stamp, "utf8") === recipe) return;
  console.error(`making ${path}`);
  const partial = `${path}.partial`;
  for (const old of [path, partial, stamp]) rmSync(old, { recursive: true, force: true });
  mkdirSync(partial);
  write(partial);
  renameSync(partial, path);
  writeFileSync(stamp, recipe);
}

export function requireSpace(directory: string, bytes: number): void {
  const { bavail, bsize } = statfsSync(directory);
  if (bavail * bsize >= bytes) return;
  const gigabytes = (value: number): string => `${(value / 1e9).toFixed(1)} GB`;
  throw new Error(
    `${gigabytes(bytes)} are needed, ${gigabytes(bavail * bsize)} are free; choose another disk with --data (${directory})`,
  );
}
