/**
 * What a stored name turns out to be. PEFT's own spelling of each is in `docs/formats/peft.md`.
 *
 * - `plain`: a parameter or buffer of the base model under its own name
 * - `baseLayer`: a base parameter inside a wrapped module (`<module>.base_layer.weight`)
 * - `modulesToSave`: a trained full copy of a module's parameter; `originalModule` is the frozen original
 * - `tokenBase`, `tokenDelta`: an embedding wrapped for trainable tokens, and the replaced rows
 * - `loraDiag`: KaSA's diagonal; `loraExtra`: buffers that merging ignores (VeLoRA, MonteCLoRA, Arrow)
 * - `quantState`: bookkeeping of a quantised base (bitsandbytes `absmax`, `quant_map`, …)
 * - `foreign`: a tensor of another adapter type or another ecosystem, recognised but not LoRA
 */
export const roles = [
  "plain", "baseLayer", "loraA", "loraB", "loraEmbeddingA", "loraEmbeddingB", "magnitude", "loraBias",
  "loraDiag", "loraExtra", "modulesToSave", "originalModule", "tokenBase", "tokenDelta", "quantState", "foreign",
] as const; // biome-ignore format: one list

export type Role = (typeof roles)[number];

/** The reading of one stored name. */
export interface NameMeaning {
  readonly role: Role;
  /** Path of the module in the base model, without wrapper prefixes: `model.layers.0.self_attn.q_proj`. */
  readonly module: string;
  /**
   * Last segment as the base model has it (`weight`, `bias`, a parameter's name), or "" for adapter tensors.
   * For `quantState`, `loraExtra` and `foreign` everything after the module, dots included.
   */
  readonly leaf: string;
  /** The adapter's name, if the stored name carries one. */
  readonly adapter?: string;
  /** How many `base_layer` segments stood between module and leaf (nested target_parameters). */
  readonly nesting: number;
  /**
   * Paths of the modules that `base_layer` (outermost first) and then `modules_to_save`, `original_module` stood
   * at. Absent when all of them stood at the end of `module`, as they do in nearly every model.
   */
  readonly wrappedAt?: readonly string[];
  /** Wrapper segments that were taken off, in order: `module`, `base_model.model`, `_orig_mod`. */
  readonly wrappers: readonly string[];
}
