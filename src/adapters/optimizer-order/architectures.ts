// The order in which transformers registers the modules of its decoders: `named_parameters()` goes by it, and so do the
// running numbers of an optimizer. Read off the modeling files of transformers 5.18 (`modeling_<type>.py`, `__init__` of
// the layer, the body and the head) and compared with live models by test/fixtures/make/optimizer_order.py.

/** The modules of one family of decoders, each list in the order of registration. */
export interface Architecture {
  readonly name: string;
  /** `model_type` of config.json. */
  readonly modelTypes: readonly string[];
  /** What the head calls the body. */
  readonly body: string;
  readonly before: readonly string[];
  /** Name of the list of layers. */
  readonly layers: string;
  readonly inLayer: readonly string[];
  readonly after: readonly string[];
}

const llamaAttention = [
  "self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj", "self_attn.o_proj", "self_attn.q_norm", "self_attn.k_norm",
]; // biome-ignore format: one list

export const architectures: readonly Architecture[] = [
  {
    name: "LLaMA",
    modelTypes: [
      "llama", "mistral", "qwen2", "qwen3", "gemma", "gemma2", "gemma3_text", "olmo", "olmo2", "cohere", "granite",
      "stablelm", "smollm3",
    ], // biome-ignore format: one list
    body: "model",
    before: ["embed_tokens"],
    layers: "layers",
    inLayer: [
      ...llamaAttention,
      "mlp.gate_proj", "mlp.up_proj", "mlp.down_proj",
      "input_layernorm", "post_attention_layernorm", "pre_feedforward_layernorm", "post_feedforward_layernorm",
    ], // biome-ignore format: one list
    after: ["norm"],
  },
  {
    name: "Phi-3",
    modelTypes: ["phi3"],
    body: "model",
    before: ["embed_tokens"],
    layers: "layers",
    inLayer: [
      "self_attn.o_proj", "self_attn.qkv_proj", "mlp.gate_up_proj", "mlp.down_proj", "input_layernorm",
      "post_attention_layernorm",
    ], // biome-ignore format: one list
    after: ["norm"],
  },
  {
    name: "StarCoder2",
    modelTypes: ["starcoder2"],
    body: "model",
    before: ["embed_tokens"],
    layers: "layers",
    inLayer: [...llamaAttention, "mlp.c_fc", "mlp.c_proj", "input_layernorm", "post_attention_layernorm"],
    after: ["norm"],
  },
  {
    name: "GPT-2",
    modelTypes: ["gpt2"],
    body: "transformer",
    before: ["wte", "wpe"],
    layers: "h",
    inLayer: ["ln_1", "attn.c_attn", "attn.c_proj", "ln_2", "mlp.c_fc", "mlp.c_proj"],
    after: ["ln_f"],
  },
  {
    name: "GPT-NeoX",
    modelTypes: ["gpt_neox"],
    body: "gpt_neox",
    before: ["embed_in"],
    layers: "layers",
    inLayer: [
      "input_layernorm", "post_attention_layernorm", "attention.query_key_value", "attention.dense",
      "mlp.dense_h_to_4h", "mlp.dense_4h_to_h",
    ], // biome-ignore format: one list
    after: ["final_layer_norm"],
  },
];

/** Heads are registered after the body, and a model has one of them. */
const heads = ["lm_head", "score", "qa_outputs", "classifier", "embed_out"];

/** Where a module stands in its model, as numbers to compare one by one. Undefined for a module that the table lacks. */
export function modulePosition(architecture: Architecture, module: string): readonly number[] | undefined {
  const head = heads.indexOf(module);
  if (head >= 0) return [3, head];
  const { body, before, layers, inLayer, after } = architecture;
  const path = module.startsWith(`${body}.`) ? module.slice(body.length + 1) : module;
  const first = before.indexOf(path);
  if (first >= 0) return [0, first];
  const last = after.indexOf(path);
  if (last >= 0) return [2, last];
  const [list, number = "", ...rest] = path.split(".");
  const inside = inLayer.indexOf(rest.join("."));
  if (list !== layers || !/^\d+$/.test(number) || inside < 0) return undefined;
  return [1, Number(number), inside];
}
