import type { JsonRecord } from "../src/core/index.ts";

/** Sizes of a Llama model. */
export interface LlamaSizes {
  readonly hidden: number;
  readonly intermediate: number;
  readonly layers: number;
  readonly heads: number;
  readonly keyValueHeads: number;
  readonly vocabulary: number;
  /** Weight files that the checkpoint is cut into. */
  readonly shards: number;
}

/** 4.37 GB in bf16: the widths of TinyLlama, no grouped heads, 40 layers. 94 of 100 bytes lie in the seven linears. */
export const fourGigabytes: LlamaSizes = {
  hidden: 2048,
  intermediate: 5632,
  layers: 40,
  heads: 32,
  keyValueHeads: 32,
  vocabulary: 32_000,
  shards: 5,
};

/** 11 MB, for a run that only proves that the benchmark works. */
export const elevenMegabytes: LlamaSizes = {
  hidden: 256,
  intermediate: 704,
  layers: 6,
  heads: 8,
  keyValueHeads: 4,
  vocabulary: 2000,
  shards: 3,
};

/** Llama 3.1 405B, cut into 170 files. */
export const llama405B: LlamaSizes = {
  hidden: 16_384,
  intermediate: 53_248,
  layers: 126,
  heads: 128,
  keyValueHeads: 8,
  vocabulary: 128_256,
  shards: 170,
};

/** One layer of Llama 3.1 405B: the widest matrices that a merge meets. 6.4 GB. */
export const layerOf405B: LlamaSizes = { ...llama405B, layers: 1, vocabulary: 1000, shards: 2 };

export interface LlamaTensor {
  readonly name: string;
  readonly shape: readonly number[];
}

/** Output and input width of the seven linears of a layer, by the module's path in the layer. */
export function linearsOf(sizes: LlamaSizes): ReadonlyMap<string, readonly [number, number]> {
  const { hidden, intermediate } = sizes;
  const keyValue = (hidden / sizes.heads) * sizes.keyValueHeads;
  return new Map([
    ["self_attn.q_proj", [hidden, hidden]],
    ["self_attn.k_proj", [keyValue, hidden]],
    ["self_attn.v_proj", [keyValue, hidden]],
    ["self_attn.o_proj", [hidden, hidden]],
    ["mlp.gate_proj", [intermediate, hidden]],
    ["mlp.up_proj", [intermediate, hidden]],
    ["mlp.down_proj", [hidden, intermediate]],
  ]);
}

/** Every parameter, in the order of the model's modules. */
export function llamaTensors(sizes: LlamaSizes): LlamaTensor[] {
  const { hidden, vocabulary } = sizes;
  const linears = [...linearsOf(sizes)];
  const layers = Array.from({ length: sizes.layers }, (_, layer) => [
    ...linears.map(([path, shape]) => ({ name: `model.layers.${layer}.${path}.weight`, shape })),
    { name: `model.layers.${layer}.input_layernorm.weight`, shape: [hidden] },
    { name: `model.layers.${layer}.post_attention_layernorm.weight`, shape: [hidden] },
  ]);
  return [
    { name: "model.embed_tokens.weight", shape: [vocabulary, hidden] },
    ...layers.flat(),
    { name: "model.norm.weight", shape: [hidden] },
    { name: "lm_head.weight", shape: [vocabulary, hidden] },
  ];
}

/** What transformers reads to build the model. */
export function llamaConfig(sizes: LlamaSizes): JsonRecord {
  return {
    architectures: ["LlamaForCausalLM"],
    model_type: "llama",
    attention_bias: false,
    bos_token_id: 1,
    eos_token_id: 2,
    hidden_act: "silu",
    hidden_size: sizes.hidden,
    initializer_range: 0.02,
    intermediate_size: sizes.intermediate,
    max_position_embeddings: 2048,
    mlp_bias: false,
    num_attention_heads: sizes.heads,
    num_hidden_layers: sizes.layers,
    num_key_value_heads: sizes.keyValueHeads,
    rms_norm_eps: 1e-5,
    rope_theta: 10000,
    tie_word_embeddings: false,
    dtype: "bfloat16",
    vocab_size: sizes.vocabulary,
  };
}
