// Whether the files of a save are all there. A glob would take stale ranks of a larger run, and sort 10 before 9.
import { FormatError, UnsupportedError } from "../../core/index.ts";
import type { ModelPlace } from "./model-file.ts";
import type { OptimizerPlace } from "./optimizer-file.ts";
import type { TagPlace } from "./tag.ts";

/** The files of a save, by worker. */
export interface RankFiles {
  /** One for all workers; in stage 3 one a worker. */
  readonly models: readonly ModelPlace[];
  /** None in stage 0. */
  readonly optimizers: readonly OptimizerPlace[];
}

/**
 * Sorts the files of a save by worker and checks that none is missing, as far as names tell.
 * @throws FormatError TENON_ZERO_RANKS; UnsupportedError TENON_ZERO_EXPERTS, TENON_ZERO_PIPELINE, TENON_ZERO_SWAPPED,
 *   TENON_ZERO_TENSOR_PARALLEL
 */
export function rankFilesOf({ directory, files }: TagPlace): RankFiles {
  for (const { kind, path } of files) refuseKind(kind, directory + path);
  const models = files.filter((file) => file.kind === "model");
  const optimizers = files.filter((file) => file.kind === "optimizer");
  const parallel = [...models, ...optimizers].find(({ tensorRank }) => tensorRank > 0);
  if (parallel !== undefined)
    throw refusal(
      "TENON_ZERO_TENSOR_PARALLEL",
      "tensor parallelism cut its parameters",
      directory + parallel.path,
    );
  const byRank = models.filter(({ dataRank }) => dataRank !== undefined);
  const shared = models.filter(({ dataRank }) => dataRank === undefined);
  if (byRank.length > 0 && shared.length > 0)
    throw ranks("model files of one worker each stand beside one of all", directory, [
      ...byRank.slice(0, 2).map(({ path }) => path),
      ...shared.map(({ path }) => path),
    ]);
  const prefixes = new Set(optimizers.map(({ prefix }) => prefix));
  if (prefixes.size > 1)
    throw ranks(
      "optimizer files with and without a dtype in their names stand side by side, so of two saves",
      directory,
      [...prefixes]
        .flatMap((each) => optimizers.filter(({ prefix }) => prefix === each).slice(0, 1))
        .map(({ path }) => path),
    );
  return {
    models: shared.length > 0 ? shared : contiguous(byRank, "model", directory),
    optimizers: contiguous(optimizers, "optimizer", directory),
  };
}

type Ranked = { readonly path: string; readonly dataRank?: number };

function contiguous<File extends Ranked>(
  files: readonly File[],
  what: string,
  directory: string,
): readonly File[] {
  const sorted = [...files].sort((one, other) => (one.dataRank ?? 0) - (other.dataRank ?? 0));
  const wrong = sorted.findIndex((file, at) => file.dataRank !== at);
  if (wrong >= 0) {
    const present = sorted.map(({ dataRank }) => dataRank).join(", ");
    const complaint =
      (sorted[wrong]?.dataRank ?? 0) > wrong ? `${wrong} is missing` : `${wrong - 1} is there twice`;
    throw ranks(`${what} files of workers ${present}: ${complaint}`, directory, []);
  }
  return sorted;
}

/**
 * Compares the number of files with the number of workers that the files themselves state.
 * @throws FormatError TENON_ZERO_RANKS; UnsupportedError TENON_ZERO_HIERARCHICAL
 */
export function checkWorkers(
  { models, optimizers }: RankFiles,
  partitionCounts: readonly number[],
  directory: string,
): void {
  const [workers = 0] = partitionCounts;
  if (partitionCounts.some((count) => count !== workers)) {
    const counts = [...new Set(partitionCounts)].join(" and ");
    throw refusal(
      "TENON_ZERO_EXPERTS",
      `its groups are shared by ${counts} workers, as experts are`,
      directory,
    );
  }
  const found = optimizers.length;
  if (found > workers && found % workers === 0)
    throw refusal(
      "TENON_ZERO_HIERARCHICAL",
      `${found} workers saved ${workers} shares: MiCS or another hierarchy, or files of an older save`,
      directory,
    );
  if (found !== workers)
    throw ranks(
      `${workers} workers shared the optimizer, ${found} files are here${absence(found, workers)}`,
      directory,
      [],
    );
  const isShared = models.every(({ dataRank }) => dataRank === undefined);
  if (!isShared && models.length !== workers)
    throw ranks(
      `${workers} workers saved, ${models.length} model files are here${absence(models.length, workers)}`,
      directory,
      [],
    );
}

function absence(found: number, workers: number): string {
  if (found > workers) return `, those from worker ${workers} on are of an older save`;
  return `, those from worker ${found} on are missing`;
}

function refuseKind(kind: TagPlace["files"][number]["kind"], path: string): void {
  if (kind === "expert")
    throw refusal("TENON_ZERO_EXPERTS", "its experts are in files of their own, which are not read", path);
  if (kind === "pipeline")
    throw refusal(
      "TENON_ZERO_PIPELINE",
      "pipeline stages are in files of their own, which are not read",
      path,
    );
  if (kind === "swapped")
    throw refusal(
      "TENON_ZERO_SWAPPED",
      "optimizer state is in NVMe swap files, the optimizer files are stale",
      path,
    );
}

function refusal(code: string, what: string, path: string): UnsupportedError {
  const place = path === "" ? "" : ` (${path})`;
  return new UnsupportedError(code, `zero: ${what}${place}`, {
    details: { path },
    hint: "Load it with DeepSpeed and save the model as one file.",
  });
}

function ranks(what: string, directory: string, paths: readonly string[]): FormatError {
  const named = paths.map((path) => directory + path);
  const place = named.length > 0 ? named.join(", ") : directory;
  return new FormatError("TENON_ZERO_RANKS", `zero: ${what}${place === "" ? "" : ` (${place})`}`, {
    details: { paths: named, directory },
    hint: "Copy the files of every worker, and only those of one save.",
  });
}
