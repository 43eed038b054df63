// What mlx-lm writes: mlx_lm/lora.py, tuner/trainer.py, tuner/lora.py and tuner/dora.py of ml-explore/mlx-lm, 0.32.2. Frozen facts.

/** Trained tensors, as `train` saves them by `model.trainable_parameters()`. */
export const mlxWeightsName = "adapters.safetensors";

/** Arguments of the run, as `save_config` writes them; PEFT's own file of this name has a `peft_type`. */
export const mlxConfigName = "adapter_config.json";

/** `0000100_adapters.safetensors`: the same at an earlier step. */
export const mlxEarlierName: RegExp = /^\d+_adapters\.safetensors$/;

/**
 * Last segment of a name → the tensor in PEFT's words. LoRALinear computes x·lora_a·lora_b, so that lora_a is (in, r) and lora_b
 * (r, out); LoRAEmbedding the same with tokens for `in`. `m` is DoRA's magnitude.
 */
export const mlxTails: ReadonlyMap<string, "a" | "b" | "magnitude"> = new Map([
  ["lora_a", "a"],
  ["lora_b", "b"],
  ["m", "magnitude"],
]);

/**
 * Last segment of the modules that are nn.Embedding in MLX's models. A merge compares shapes with the base, so that a table of
 * another name is refused, not misread.
 */
export const mlxEmbeddings: ReadonlySet<string> = new Set([
  "embed_tokens", "tok_embeddings", "word_embeddings", "embed_in", "wte", "embeddings", "shared",
]); // biome-ignore format: one list
