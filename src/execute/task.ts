import type { Recipe, TensorMeta } from "../core/index.ts";
import type { ExtentTable } from "./extent-table.ts";

/** What is to happen to one tensor. Tasks cross threads, so they are plain data. */
export type Task = WriteTask | InspectTask;

export interface WriteTask {
  readonly kind: "write";
  readonly name: string;
  readonly recipe: Recipe;
  /** Index of the output file, and where in it the tensor begins. */
  readonly file: number;
  readonly byteOffset: number;
  /** False when the file was copied whole: the bytes are only read, for the digest. */
  readonly isWritten: boolean;
  /** The file stores the CRC-32 of its tensors. */
  readonly hasCrc32?: boolean;
}

/** Reads and judges; changes nothing. */
export interface InspectTask {
  readonly kind: "inspect";
  readonly name: string;
  readonly tensor: TensorMeta;
  /** As many elements, compared one by one. Another dtype only if both are floats: values are compared then. */
  readonly against?: TensorMeta;
  /** Take the sums over blocks that do not differ, too. They are slow; one pass finds out which tensors need them. */
  readonly measureAll?: boolean;
  /** Count NaN and Inf. */
  readonly scan: boolean;
}

/** A run of blocks of one task: what a worker takes at a time. */
export interface Job {
  readonly task: number;
  readonly firstBlock: number;
  readonly blockCount: number;
  /** Elements of a full block of the output. */
  readonly blockElements: number;
  /** Output bytes (bytes read, for inspection): the unit of progress. */
  readonly byteLength: number;
}

export type DigestKind = "fast" | "none";

export interface JobOptions {
  readonly accumulate: "muladd" | "fma";
  readonly digest: DigestKind;
  /** Rows compared with an f64 reference: a few seeded ones a tensor, all, or none. */
  readonly prove: "sample" | "full" | "none";
  /** Memory for the factors of one low-rank product in one thread. */
  readonly factorBytes: number;
}

/** What running jobs of one task found; parts of the same task are added up by {@link addOutcome}. */
export interface Outcome {
  /** Sum of block digests mod 2^64. */
  digest: bigint;
  /** CRC-32 of the bytes of a whole tensor: of a part, what it adds to that. 0 where none was asked for. */
  crc32: number;
  /** Elements whose bits differ from the source's; undefined when the dtype changed. */
  changed: number | undefined;
  provenRows: number;
  /**
   * Largest error of an element of the proven rows, in roundings of the output dtype:
   * |result − reference| / max(u·(|W| + Σ |s|·Σ|L||R|), η/2). The reference is W + Σ s·L·R in f64, not rounded, and the sum
   * of magnitudes is f64 too; both sums run over the recipe's steps. u is 2^-8 for BF16, 2^-11 for F16, 2^-24 for F32; η is
   * the smallest subnormal number. Terms that cancel do not matter, so a right merge stays below `errorBound` of its
   * recipe. Number.MAX_VALUE where one is NaN or infinite and the other is not. 0 if no row was proven.
   */
  maxError: number;
  nan: number;
  infinite: number;
  /** Elements that differ from `against` in their bits, or in the bits of their values where the dtypes differ. */
  different: number;
  /** Elements of the blocks that the maximum and the f64 sums below were taken over: Σ(a − b)², Σa², Σb². */
  measured: number;
  maxAbs: number;
  sumSquares: number;
  sumSquaresA: number;
  sumSquaresB: number;
}

export function emptyOutcome(): Outcome {
  return {
    digest: 0n, crc32: 0, changed: 0, provenRows: 0, maxError: 0, nan: 0, infinite: 0,
    different: 0, measured: 0, maxAbs: 0, sumSquares: 0, sumSquaresA: 0, sumSquaresB: 0,
  }; // biome-ignore format: one row of zeros
}

/** Adds `part` to `sum` in place. */
export function addOutcome(sum: Outcome, part: Outcome): void {
  sum.digest = BigInt.asUintN(64, sum.digest + part.digest);
  sum.crc32 = (sum.crc32 ^ part.crc32) >>> 0;
  sum.changed =
    sum.changed === undefined || part.changed === undefined ? undefined : sum.changed + part.changed;
  sum.provenRows += part.provenRows;
  sum.maxError = Math.max(sum.maxError, part.maxError);
  sum.nan += part.nan;
  sum.infinite += part.infinite;
  sum.different += part.different;
  sum.measured += part.measured;
  sum.maxAbs = Math.max(sum.maxAbs, part.maxAbs);
  sum.sumSquares += part.sumSquares;
  sum.sumSquaresA += part.sumSquaresA;
  sum.sumSquaresB += part.sumSquaresB;
}

/** What a job asks its driver to do; the driver answers when it is done. Pointers are into the kernel's memory. */
export type Io =
  | {
      readonly kind: "read";
      readonly id: string;
      readonly byteOffset: number;
      readonly pointer: number;
      readonly byteLength: number;
    }
  | {
      readonly kind: "write";
      readonly file: number;
      readonly byteOffset: number;
      readonly pointer: number;
      readonly byteLength: number;
    };

export interface OutputPlace {
  readonly path: string;
  readonly byteLength: number;
  readonly localPath?: string;
}

/** Everything that a thread needs to run jobs by itself. */
export interface Batch {
  readonly tasks: readonly Task[];
  readonly jobs: readonly Job[];
  /** Jobs of one output file lie together: start and end index in `jobs`. */
  readonly lanes: readonly { readonly start: number; readonly end: number }[];
  /** Tensor id → where its bytes lie; only local tensors. */
  readonly extents: ExtentTable;
  readonly outputs: readonly OutputPlace[];
  readonly options: JobOptions;
}
