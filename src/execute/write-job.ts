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
  const target = kernel.alloc(blocks.blockBytes);
  if (transform !== undefined) yield* transform.prepare();
  for (let block = job.firstBlock; block < job.firstBlock + job.blockCount; block++) {
    const { byteOffset, byteLength } = rangeOf(blocks, block);
    if (transform === undefined) {
      yield { kind: "read", id: recipe.source.id, byteOffset, pointer: target, byteLength };
    } else {
      yield* transform.run({ byteOffset, byteLength, target }, outcome);
    }
    if (options.digest === "fast") outcome.digest += kernel.xxh3(target, byteLength, BigInt(block));
    if (task.isWritten) {
      yield {
        kind: "write",
        file: task.file,
        byteOffset: task.byteOffset + byteOffset,
        pointer: target,
        byteLength,
      };
    }
  }
}

/** Whether the output's bytes are the source's bytes. */
export function isCopy(recipe: Recipe): boolean {
  return recipe.steps.length === 0 && recipe.dtype === recipe.source.dtype;
}

function rangeOf(blocks: Blocks, block: number): { byteOffset: number; byteLength: number } {
  const byteOffset = block * blocks.blockBytes;
  return { byteOffset, byteLength: Math.min(blocks.blockBytes, blocks.byteLength - byteOffset) };
}
