import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { byteLengthOf } from "../src/core/index.ts";
import { type LlamaSizes, type LlamaTensor, llamaConfig, llamaTensors } from "./llama.ts";
import { NormalStream } from "./random.ts";
import { type TensorToWrite, writeTensorFile } from "./tensor-file.ts";

/** Standard deviation of the weights: `initializer_range` of Llama. */
const weightDeviation = 0.02;
const bf16One = 0x3f80;

export interface CheckpointOptions {
  /** `random`: bf16 weights, normal around 0, norms 1. `holes`: headers only, the rest takes no space on the disk. */
  readonly weights: "random" | "holes";
}

/** Writes a sharded transformers directory of a Llama model in bf16. */
export function writeCheckpoint(directory: string, sizes: LlamaSizes, { weights }: CheckpointOptions): void {
  const shards = shardsOf(llamaTensors(sizes), sizes.shards);
  const weightMap: Record<string, string> = {};
  for (const [index, tensors] of shards.entries()) {
    const file = `model-${fiveDigits(index + 1)}-of-${fiveDigits(shards.length)}.safetensors`;
    writeTensorFile(
      join(directory, file),
      tensors.map((tensor) => toWrite(tensor, weights)),
    );
    for (const { name } of tensors) weightMap[name] = file;
  }
  const totalBytes = weightBytes(sizes);
  const index = { metadata: { total_size: totalBytes }, weight_map: weightMap };
  writeFileSync(join(directory, "model.safetensors.index.json"), `${JSON.stringify(index, null, 2)}\n`);
  writeFileSync(join(directory, "config.json"), `${JSON.stringify(llamaConfig(sizes), null, 2)}\n`);
}

/** Bytes of all weights. */
export function weightBytes(sizes: LlamaSizes): number {
  return llamaTensors(sizes).reduce((sum, { shape }) => sum + byteLengthOf("BF16", shape), 0);
}

/** Cuts where the next tensor would begin past the shard's even part. */
function shardsOf(tensors: readonly LlamaTensor[], count: number): LlamaTensor[][] {
  const total = tensors.reduce((sum, { shape }) => sum + byteLengthOf("BF16", shape), 0);
  const shards: LlamaTensor[][] = Array.from({ length: count }, () => []);
  let start = 0;
  for (const tensor of tensors) {
    shards[Math.min(count - 1, Math.floor((start / total) * count))]?.push(tensor);
    start += byteLengthOf("BF16", tensor.shape);
  }
  const filled = shards.filter(({ length }) => length > 0);
  if (filled.length !== count)
    throw new Error(`${count} shards were asked for, ${filled.length} have tensors`);
  return filled;
}

function toWrite({ name, shape }: LlamaTensor, weights: CheckpointOptions["weights"]): TensorToWrite {
  if (weights === "holes") return { name, dtype: "BF16", shape };
  if (shape.length === 1) {
    return { name, dtype: "BF16", shape, fill: (part) => new Uint16Array(part).fill(bf16One) };
  }
  const stream = new NormalStream(name, weightDeviation);
  return { name, dtype: "BF16", shape, fill: (part) => stream.fillBf16(new Uint16Array(part)) };
}

function fiveDigits(value: number): string {
  return String(value).padStart(5, "0");
}
