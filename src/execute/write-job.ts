import { crc32, crc32After } from "../bytes/index.ts";
import type { Recipe } from "../core/index.ts";
import type { Kernel } from "../ops/index.ts";
import { type Blocks, blocksOf } from "./blocks.ts";
import type { Io, Job, JobOptions, Outcome, WriteTask } from "./task.ts";
import { BlockTransform } from "./transform.ts";

/** Makes the blocks of one output tensor: reads the source, transforms, digests, writes. */
export function* writeJob(
  kernel: Kernel,
  task: WriteTask,
  job: Job,
  options: JobOptions,
  outcome: Outcome,
): Generator<Io, void> {
  const { recipe } = task;
  const blocks = blocksOf(recipe.dtype, recipe.shape);
  const transform = isCopy(recipe) ? undefined : new BlockTransform(kernel, task, job, options);
  const perTile = transform?.blocksPerTile ?? 1;
  const target = kernel.alloc(perTile * blocks.blockBytes);
  if (transform !== undefined) yield* transform.prepare();
  const end = job.firstBlock + job.blockCount;
  for (let first = job.firstBlock; first < end; first += perTile) {
    const count = Math.min(perTile, end - first);
    const { byteOffset, byteLength } = rangeOf(blocks, first, count);
    if (transform === undefined) {
      const from = (recipe.sourceByteOffset ?? 0) + byteOffset;
      yield { kind: "read", id: recipe.source.id, byteOffset: from, pointer: target, byteLength };
    } else {
      yield* transform.run({ byteOffset, byteLength, target }, outcome);
    }
    for (let block = first; block < first + count; block++) {
      const pointer = target + (block - first) * blocks.blockBytes;
      const range = rangeOf(blocks, block, 1);
      if (options.digest === "fast") outcome.digest += kernel.xxh3(pointer, range.byteLength, BigInt(block));
      if (task.hasCrc32 === true) {
        const after = blocks.byteLength - range.byteOffset - range.byteLength;
        const part = crc32After(crc32(kernel.bytes(pointer, range.byteLength)), after);
        outcome.crc32 = (outcome.crc32 ^ part) >>> 0;
      }
      if (!task.isWritten) continue;
      yield {
        kind: "write",
        file: task.file,
        byteOffset: task.byteOffset + range.byteOffset,
        pointer,
        byteLength: range.byteLength,
      };
    }
  }
}

/** Whether the output's bytes are the source's bytes. */
export function isCopy(recipe: Recipe): boolean {
  return recipe.steps.length === 0 && recipe.dtype === recipe.source.dtype;
}

function rangeOf(blocks: Blocks, first: number, count: number): { byteOffset: number; byteLength: number } {
  const byteOffset = first * blocks.blockBytes;
  return { byteOffset, byteLength: Math.min(count * blocks.blockBytes, blocks.byteLength - byteOffset) };
}
