import { bitsOf, bytesPerElement, type DType } from "../core/index.ts";
import type { Kernel } from "../ops/index.ts";
import { blocksOf } from "./blocks.ts";
import type { InspectTask, Io, Job, JobOptions, Outcome } from "./task.ts";

const floats: readonly DType[] = ["BF16", "F16", "F32", "F64", "F8_E4M3", "F8_E5M2"];

/** Whether NaN and Inf can be looked for in elements of this type. */
export function isScannable(dtype: DType): boolean {
  return floats.includes(dtype);
}

/** Whether differences between two tensors of this type can be measured, not only counted. */
export function isMeasurable(dtype: DType): boolean {
  return dtype === "BF16" || dtype === "F16" || dtype === "F32" || dtype === "F64";
}

export function* inspectJob(
  kernel: Kernel,
  task: InspectTask,
  job: Job,
  options: JobOptions,
  outcome: Outcome,
): Generator<Io, void> {
  const { dtype, shape, id } = task.tensor;
  const blocks = blocksOf(dtype, shape);
  const here = kernel.alloc(blocks.blockBytes);
  const there = task.against === undefined ? 0 : kernel.alloc(blocks.blockBytes);
  const isWholeBytes = bitsOf(dtype) % 8 === 0;
  for (let block = job.firstBlock; block < job.firstBlock + job.blockCount; block++) {
    const byteOffset = block * blocks.blockBytes;
    const byteLength = Math.min(blocks.blockBytes, blocks.byteLength - byteOffset);
    yield { kind: "read", id, byteOffset, pointer: here, byteLength };
    if (options.digest === "fast") outcome.digest += kernel.xxh3(here, byteLength, BigInt(block));
    if (task.scan && isScannable(dtype)) {
      const found = kernel.scan(dtype, here, byteLength / bytesPerElement(dtype));
      outcome.nan += found.nan;
      outcome.infinite += found.infinite;
    }
    if (task.against === undefined) continue;
    yield { kind: "read", id: task.against.id, byteOffset, pointer: there, byteLength };
    const width = isWholeBytes ? elementWidth(dtype) : 1;
    const different = kernel.countDifferent(width, here, there, byteLength / width);
    outcome.different += different;
    if (different === 0 || !isMeasurable(dtype)) continue;
    const sums = kernel.difference(dtype, here, there, byteLength / width);
    outcome.maxAbs = Math.max(outcome.maxAbs, sums.maxAbs);
    outcome.sumSquares += sums.sumSquares;
    outcome.sumSquaresA += sums.sumSquaresA;
    outcome.sumSquaresB += sums.sumSquaresB;
  }
}

function elementWidth(dtype: DType): 1 | 2 | 4 | 8 {
  const width = bytesPerElement(dtype);
  if (width === 1 || width === 2 || width === 4 || width === 8) return width;
  throw new Error(`internal: ${dtype} has elements of ${width} bytes`);
}
