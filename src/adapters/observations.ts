import type { Json, JsonRecord, Observation } from "../core/index.ts";

/**
 * Every observation that this room makes, with its meaning in one line. The doctor turns them into findings.
 */
export const adapterObservations = {
  TENON_NAMES_BASE_LAYER: "Base parameters are stored under PEFT's in-memory names, with `base_layer`.",
  TENON_NAMES_ADAPTER_NAME_LEFT: "LoRA names in an adapter file still carry the adapter's name.",
  TENON_NAMES_ADAPTER_NAME_DOUBLED: "The adapter's name stands twice in LoRA names.",
  TENON_NAMES_PARAMETER_SPELLING: "Magnitudes or embedding factors are spelled as in memory, not as on disk.",
  TENON_NAMES_PREFIX_MISSING:
    "LoRA names in an adapter file lack `base_model.model.`, so PEFT loads nothing.",
  TENON_NAMES_PREFIX_UNUSUAL: "`base_model.model.` is doubled, cut short, or stands inside the name.",
  TENON_NAMES_WRAPPER:
    "Names carry prefixes of a wrapper (DDP, compile, FSDP, Lightning, a module of one's own).",
  TENON_NAMES_OUTSIDE_MODEL: "Parameters stand beside the wrapped model, in the module that held it.",
  TENON_NAMES_SEVERAL_MODELS:
    "Several wrapped models are stored together; their attributes stay in the names.",
  TENON_NAMES_SAVED_MODULES: "Trained copies and originals of modules_to_save are stored side by side.",
  TENON_NAMES_STRAY_BIAS: "Biases of modules_to_save copies are left over from bias='all'; they are dropped.",
  TENON_NAMES_TOKEN_ADAPTER: "An embedding is stored wrapped for trainable tokens.",
  TENON_NAMES_QUANTISED: "The base is stored quantised; only its LoRA half can be used exactly.",
  TENON_NAMES_FOREIGN: "Tensors belong to another adapter type or another ecosystem.",
  TENON_NAMES_MOVED: "Names were fitted to the names of the base model given.",
  TENON_NAMES_AMBIGUOUS: "Names fit the base model in several ways and were left as they are.",
  TENON_NAMES_NOT_IN_BASE: "Names correspond to nothing in the base model.",
  TENON_NAMES_SAME_PARAMETER: "Several stored names mean the same parameter.",
  TENON_BASE_LORA_LEFT:
    "The base is whole under plain names and LoRA is stored too: merged or not cannot be seen.",
  TENON_TENSOR_EMPTY: "Tensors have no elements, as ZeRO-3 leaves them when saved without gathering.",
  TENON_EMBEDDING_RESIZED: "An embedding's rows differ from vocab_size.",
  TENON_TIE_STORED_TWICE: "config.json ties the embeddings, but both are stored.",
  TENON_ADAPTER_CONFIG_MISSING: "LoRA tensors have no adapter_config.json, so alpha is not known.",
  TENON_ADAPTER_CONFIG_UNREADABLE:
    "adapter_config.json is of another type, has wrong values, or has patterns that cannot be run.",
  TENON_ADAPTER_RANK_MISMATCH: "The rank of LoRA tensors is not the one that the config resolves to.",
  TENON_ADAPTER_PAIR_INCOMPLETE: "One factor of a low-rank pair is missing.",
  TENON_ADAPTER_MAGNITUDE_MISSING: "The config says DoRA, but a module has no magnitude vector.",
  TENON_ADAPTER_SAVED_MODULE_MISSING: "modules_to_save names a module of which nothing is stored.",
  TENON_ADAPTER_TARGET_UNMATCHED: "LoRA is stored for modules that the config does not target.",
  TENON_ADAPTER_TARGET_ABSENT: "The config targets something of which no LoRA is stored.",
  TENON_ADAPTER_TRANSPOSED: "LoRA factors fit the base only when transposed.",
  TENON_ADAPTER_EXPERT_LAYOUT: "LoRA and base use different layouts of experts (fused and one by one).",
  TENON_ADAPTER_REWRITES_BASE:
    "The adapter's initialisation changed the base; the original base alone is not enough.",
  TENON_ADAPTER_STORED_TWICE: "The same adapter lies in the root and in a sub-folder.",
  TENON_ADAPTER_NAME_SHADOWS: "The adapter's name is also a segment of module paths; PEFT then loses keys.",
  TENON_ADAPTER_UNKNOWN_KEYS: "adapter_config.json has keys that tenon does not know.",
  TENON_ADAPTER_TRAINED_BASE: "The adapter file carries base parameters that were trained.",
} as const;

export type AdapterObservationCode = keyof typeof adapterObservations;

/** Most names that one observation lists; the count is always in its facts. */
const namesListed = 1000;

export function observe(
  code: AdapterObservationCode,
  names: readonly string[],
  facts: Readonly<Record<string, Json>> = {},
): Observation {
  const all: JsonRecord = { count: names.length, ...facts };
  return { code, names: names.slice(0, namesListed), facts: all };
}
