// A base and an adapter that take a while to merge, made here so that no fixture has to be large.
import { truncate } from "node:fs/promises";
import { join } from "node:path";
import { put } from "../bytes/node/scratch.ts";

type Shape = readonly [number, number];

/** safetensors header with BF16 tensors of zeros after it; the data is a hole in the file. */
async function zeros(root: string, path: string, tensors: Readonly<Record<string, Shape>>): Promise<void> {
  let end = 0;
  const header: Record<string, unknown> = {};
  for (const [name, [rows, columns]] of Object.entries(tensors)) {
    const begin = end;
    end += rows * columns * 2;
    header[name] = { dtype: "BF16", shape: [rows, columns], data_offsets: [begin, end] };
  }
  const text = JSON.stringify(header);
  const padded = text.padEnd(Math.ceil(text.length / 8) * 8);
  const bytes = new Uint8Array(8 + padded.length);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(padded.length), true);
  bytes.set(new TextEncoder().encode(padded), 8);
  const full = await put(root, path, bytes);
  await truncate(full, bytes.length + end);
}

export interface Hybrid {
  readonly base: string;
  readonly adapter: string;
}

/** `layers` square projections of `width`, and rank 8 on each. */
export async function makeHybrid(root: string, layers: number, width: number): Promise<Hybrid> {
  const modules = Array.from({ length: layers }, (_, layer) => `model.layers.${layer}.self_attn.q_proj`);
  await put(root, "base/config.json", JSON.stringify({ model_type: "llama", tie_word_embeddings: false }));
  await zeros(
    root,
    "base/model.safetensors",
    Object.fromEntries(modules.map((module) => [`${module}.weight`, [width, width]])),
  );
  const config = { peft_type: "LORA", r: 8, lora_alpha: 16, target_modules: ["q_proj"] };
  await put(root, "adapter/adapter_config.json", JSON.stringify(config));
  await zeros(
    root,
    "adapter/adapter_model.safetensors",
    Object.fromEntries(
      modules.flatMap((module): [string, Shape][] => [
        [`base_model.model.${module}.lora_A.weight`, [8, width]],
        [`base_model.model.${module}.lora_B.weight`, [width, 8]],
      ]),
    ),
  );
  return { base: join(root, "base"), adapter: join(root, "adapter") };
}
