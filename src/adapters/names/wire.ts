// Names as PEFT and its neighbours spell them inside stored keys; see docs/formats/peft.md.
import type { Role } from "../../core/index.ts";

/** Last segments of adapter tensors that sit in a module of their own: `<token>[.<adapter>].weight`. */
export const moduleTokens: ReadonlyMap<string, Role> = new Map([
  ["lora_A", "loraA"],
  ["lora_B", "loraB"],
]);

/** Adapter tensors that sit in a ParameterDict: `<token>[.<adapter>]`; in memory a few also end in `.weight`. */
export const parameterTokens: ReadonlyMap<string, Role> = new Map([
  ["lora_embedding_A", "loraEmbeddingA"],
  ["lora_embedding_B", "loraEmbeddingB"],
  ["lora_magnitude_vector", "magnitude"],
  ["lora_diag", "loraDiag"],
]);

/** Buffers and samplers that take no part in a merge: `<token>[.<adapter>][.…]`. */
export const extraTokens: ReadonlySet<string> = new Set([
  "lora_velora_embed",
  "lora_monteclora_sampler",
  "lora_arrow",
]);

/** Segments that wrappers put anywhere into a path; no model names a module so. */
export const hiddenSegments: ReadonlySet<string> = new Set([
  "_orig_mod", // torch.compile
  "_fsdp_wrapped_module", // FSDP
  "_checkpoint_wrapped_module", // activation checkpointing
  "_forward_module", // Lightning with DeepSpeed
]);

/** Attributes under which a multimodal model of transformers keeps its language model: part of the name, never a wrapper. */
export const languageModelAttributes: ReadonlySet<string> = new Set(["language_model", "text_model"]);

/** What may stand at the top of a causal model of transformers: at least one body, else only heads. */
export const modelBodies: ReadonlySet<string> = new Set(["model", "transformer", "gpt_neox", "base_model"]);
export const modelHeads: ReadonlySet<string> = new Set([
  "lm_head", "score", "classifier", "v_head", "embed_out", "qa_outputs",
]); // biome-ignore format: one list

/** How bitsandbytes names the state of a quantised weight, after the module. */
export const quantLeaf: RegExp =
  /^(?:weight\.(?:absmax|quant_map|nested_absmax|nested_quant_map|quant_state\.bitsandbytes__\w+|SCB)|SCB|weight_format)$/;

/** The last segment of such a name. */
export const quantLast: RegExp =
  /^(?:absmax|quant_map|nested_absmax|nested_quant_map|bitsandbytes__\w+|SCB|weight_format)$/;
