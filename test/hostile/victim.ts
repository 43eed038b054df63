import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { byteLengthOf, type DType } from "../../src/core/index.ts";
import { fileOf } from "../formats/safetensors/file.ts";

/** Path → content, as a directory of a checkpoint. */
export type Files = Readonly<Record<string, string | Uint8Array>>;

/** Name → shape; all of a file's tensors have one dtype. */
export type Shapes = Readonly<Record<string, readonly number[]>>;

const layer = "model.layers.0.self_attn";

/** Where the adapters of the attacks sit. */
export const attention: string = `${layer}.q_proj`;

/** A Llama of one layer that has no more than an attack needs. */
export const modelShapes: Shapes = {
  "lm_head.weight": [16, 8],
  "model.embed_tokens.weight": [16, 8],
  [`${attention}.weight`]: [8, 8],
  [`${layer}.v_proj.weight`]: [8, 8],
};

export const modelConfig: Readonly<Record<string, unknown>> = {
  architectures: ["LlamaForCausalLM"],
  model_type: "llama",
  num_hidden_layers: 1,
  tie_word_embeddings: false,
  vocab_size: 16,
};

export const loraShapes: Shapes = {
  [`base_model.model.${attention}.lora_A.weight`]: [2, 8],
  [`base_model.model.${attention}.lora_B.weight`]: [8, 2],
};

export const loraConfig: Readonly<Record<string, unknown>> = {
  peft_type: "LORA",
  r: 2,
  lora_alpha: 4,
  target_modules: ["q_proj"],
};

/** A safetensors file of small numbers. */
export function weights(shapes: Shapes, dtype: DType = "F32"): Uint8Array {
  let at = 0;
  const entries = Object.entries(shapes).map(([name, shape]) => {
    const length = byteLengthOf(dtype, shape);
    const text = `${JSON.stringify(name)}:{"dtype":"${dtype}","shape":[${shape}],"data_offsets":[${at},${at + length}]}`;
    at += length;
    return text;
  });
  return fileOf(`{${entries.join(",")}}`, at);
}

/** A transformers directory; `more` replaces files of it or adds some. */
export function model(more: Files = {}): Files {
  return {
    "config.json": JSON.stringify(modelConfig),
    "model.safetensors": weights(modelShapes),
    ...more,
  };
}

/** A PEFT directory; `config` adds to its adapter_config.json, or is its text. */
export function adapter(config: object | string = {}, shapes: Shapes = loraShapes): Files {
  const text = typeof config === "string" ? config : JSON.stringify({ ...loraConfig, ...config });
  return { "adapter_config.json": text, "adapter_model.safetensors": weights(shapes) };
}

/** The state dict of a live PeftModel whose adapter has this name, with its adapter_config.json. */
export function stateDict(name: string, config: object = {}): Files {
  const wrapped = `base_model.model.${attention}`;
  return {
    "adapter_config.json": JSON.stringify({ ...loraConfig, ...config }),
    "state_dict.safetensors": weights({
      "base_model.model.lm_head.weight": [16, 8],
      "base_model.model.model.embed_tokens.weight": [16, 8],
      [`${wrapped}.base_layer.weight`]: [8, 8],
      [`${wrapped}.lora_A.${name}.weight`]: [2, 8],
      [`${wrapped}.lora_B.${name}.weight`]: [8, 2],
      [`base_model.model.${layer}.v_proj.weight`]: [8, 8],
    }),
  };
}

/** Writes files below a directory. Returns the directory. */
export async function lay(root: string, files: Files): Promise<string> {
  for (const [path, content] of Object.entries(files)) {
    await mkdir(dirname(join(root, path)), { recursive: true });
    await writeFile(join(root, path), content);
  }
  return root;
}

/** An adapter in `source/`, its model in `base/`. */
export async function pair(
  root: string,
  adapterFiles: Files,
  modelFiles: Files = model(),
): Promise<{ readonly source: string; readonly base: string }> {
  return {
    source: await lay(join(root, "source"), adapterFiles),
    base: await lay(join(root, "base"), modelFiles),
  };
}

/** One directory, with nothing beside it. */
export async function alone(root: string, files: Files): Promise<{ readonly source: string }> {
  return { source: await lay(join(root, "source"), files) };
}

/** A sharded model whose index.json gives every tensor this file name, and whatever else the attack needs. */
export function sharded(shard: string, more: Files = {}): Files {
  const names = Object.keys(modelShapes);
  const map = Object.fromEntries(names.map((name) => [name, shard]));
  return {
    "config.json": JSON.stringify(modelConfig),
    "model.safetensors.index.json": JSON.stringify({ metadata: {}, weight_map: map }),
    ...more,
  };
}

/** LoRA factors of rank 2 on modules of width 8; `name` is the adapter's, where the names carry one. */
export function loraOn(modules: readonly string[], name?: string): Shapes {
  const end = name === undefined ? "weight" : `${name}.weight`;
  const shapes: Record<string, readonly number[]> = {};
  for (const module of modules) {
    shapes[`base_model.model.${module}.lora_A.${end}`] = [2, 8];
    shapes[`base_model.model.${module}.lora_B.${end}`] = [8, 2];
  }
  return shapes;
}

/** Files moved into a folder. */
export function under(folder: string, files: Files): Files {
  return Object.fromEntries(Object.entries(files).map(([path, content]) => [`${folder}/${path}`, content]));
}

/** A text in which one field of adapter_config.json has a value that JSON.stringify would not write. */
export function configWith(field: string, text: string): string {
  return `{"${field}":${text},${JSON.stringify({ ...loraConfig, [field]: undefined }).slice(1)}`;
}
