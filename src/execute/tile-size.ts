import { bytesPerElement, type LowRank, type Recipe } from "../core/index.ts";
import type { Job } from "./task.ts";

/** The kernel works on four rows at a time, and the left factor is packed in fours. */
const rowsAtOnce = 4;

/**
 * Columns of the right factor that are packed at once: all of them where `factorBytes` hold them raw and packed, else
 * what fits, in groups of eight.
 */
export function packedColumns({ cols, loraRank }: LowRank, factorBytes: number): number {
  const fitting = Math.floor(factorBytes / (loraRank * 4 * 2) / 8) * 8;
  return Math.max(8, Math.min(cols, fitting));
}

/**
 * How many blocks of a job are read and transformed together. One, unless a low-rank product pays for every tile:
 *
 * - a block of 1 to 3, or 5 to 7 rows would leave the groups of four, so that its left factor is packed anew;
 * - a right factor that does not fit is read and packed anew, so that a tile takes as much memory as a factor may.
 */
export function blocksPerTile({ source, dtype, steps }: Recipe, job: Job, factorBytes: number): number {
  const products = steps.filter((step) => step.kind === "addLowRank" || step.kind === "dora");
  if (products.length === 0) return 1;
  const width = bytesPerElement(dtype);
  const besides = dtype === source.dtype ? width : bytesPerElement(source.dtype) + 4;
  const sums = products.some(({ kind }) => kind === "dora") ? 4 : 0;
  const fitting = Math.floor(factorBytes / (job.blockElements * (width + besides + sums)));
  const wanted = Math.max(...products.map(({ cols }) => blocksOfWholeGroups(job.blockElements / cols)));
  const group = wanted <= fitting ? wanted : 1;
  const isWhole = products.every((product) => packedColumns(product, factorBytes) >= product.cols);
  return Math.min(isWhole ? group : Math.max(group, fitting - (fitting % group)), job.blockCount);
}

/** The fewest blocks that are a multiple of four rows together. */
function blocksOfWholeGroups(rowsPerBlock: number): number {
  if (rowsPerBlock % rowsAtOnce === 0) return 1;
  return rowsPerBlock % 2 === 0 ? 2 : rowsAtOnce;
}
