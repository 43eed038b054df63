import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { DType, Shape } from "../../src/core/index.ts";
import { byteLengthOf } from "../../src/core/index.ts";
import { safetensors } from "../../src/formats/index.ts";

interface Made {
  readonly name: string;
  readonly dtype: DType;
  readonly shape: Shape;
}

/** Finite values from a seed: bf16 and f32 alike keep their exponent near one. */
function bytesFrom(seed: number, { dtype, shape }: Made): Uint8Array {
  const bytes = new Uint8Array(byteLengthOf(dtype, shape));
  const width = dtype === "BF16" ? 2 : 4;
  let state = seed;
  for (let at = 0; at < bytes.length; at += width) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    bytes[at + width - 2] = state >>> 24;
    bytes[at + width - 1] = 0x3c + ((state >>> 16) & 0x80);
  }
  return bytes;
}

async function writeTensors(path: string, tensors: readonly Made[]): Promise<void> {
  const layout = safetensors.layOut?.(tensors, { format: "pt" });
  if (layout === undefined) throw new Error("safetensors writes");
  const bytes = new Uint8Array(layout.byteLength);
  for (const { byteOffset, bytes: fixed } of layout.fixed) bytes.set(fixed, byteOffset);
  for (const [index, place] of layout.tensors.entries()) {
    const tensor = tensors.find(({ name }) => name === place.name);
    if (tensor !== undefined) bytes.set(bytesFrom(index + 1, tensor), place.byteOffset);
  }
  await writeFile(path, bytes);
}

const width = 1024;
const shards = 3;
const layersPerShard = 4;

/** A sharded bf16 model of 24 MiB and an adapter of rank 8 on all of it: large enough to be killed in the middle. */
export async function makeModel(
  directory: string,
): Promise<{ readonly base: string; readonly adapter: string }> {
  const base = join(directory, "base");
  const adapter = join(directory, "adapter");
  await mkdir(base, { recursive: true });
  await mkdir(adapter, { recursive: true });
  const places: Record<string, string> = {};
  const factors: Made[] = [];
  for (let shard = 0; shard < shards; shard++) {
    const file = `model-0000${shard + 1}-of-0000${shards}.safetensors`;
    const tensors: Made[] = [];
    for (let i = 0; i < layersPerShard; i++) {
      const module = `model.layers.${shard * layersPerShard + i}.self_attn.q_proj`;
      tensors.push({ name: `${module}.weight`, dtype: "BF16", shape: [width, width] });
      places[`${module}.weight`] = file;
      factors.push({ name: `base_model.model.${module}.lora_A.weight`, dtype: "F32", shape: [8, width] });
      factors.push({ name: `base_model.model.${module}.lora_B.weight`, dtype: "F32", shape: [width, 8] });
    }
    await writeTensors(join(base, file), tensors);
  }
  await writeTensors(join(adapter, "adapter_model.safetensors"), factors);
  const index = { metadata: { total_size: shards * layersPerShard * width * width * 2 }, weight_map: places };
  await writeFile(join(base, "model.safetensors.index.json"), JSON.stringify(index));
  await writeFile(join(base, "config.json"), JSON.stringify({ model_type: "llama", hidden_size: width }));
  const config = { peft_type: "LORA", r: 8, lora_alpha: 16, target_modules: ["q_proj"] };
  await writeFile(join(adapter, "adapter_config.json"), JSON.stringify(config));
  return { base, adapter };
}
