import type { JsonRecord } from "../../core/index.ts";

/** A rule that names modules: one regex over the whole path, or names that match by exact or dotted suffix. */
export type ModuleRule =
  | { readonly kind: "regex"; readonly pattern: string }
  | { readonly kind: "names"; readonly names: readonly string[] }
  | { readonly kind: "allLinear" };

/** `rank_pattern` or `alpha_pattern`: in the order of the file, which is the order of their precedence. */
export interface PatternTable {
  readonly entries: readonly { readonly pattern: string; readonly value: number }[];
}

export type BiasMode = "none" | "all" | "lora_only";

/**
 * A LoRA adapter's configuration, typed. Field meanings and defaults are those of PEFT's `LoraConfig`; disk names in
 * brackets where they differ by more than spelling. See `docs/formats/peft.md`.
 */
export interface LoraConfig {
  readonly taskType: string | null;
  readonly peftVersion: string | null;
  readonly baseModel: string | null;
  readonly revision: string | null;
  /** `r` */
  readonly loraRank: number;
  readonly loraAlpha: number;
  readonly useRslora: boolean;
  readonly useDora: boolean;
  readonly hasLoraBias: boolean;
  readonly fanInFanOut: boolean;
  readonly bias: BiasMode;
  readonly rankPattern: PatternTable;
  readonly alphaPattern: PatternTable;
  /** null: PEFT's table for the architecture decides. */
  readonly targetModules: ModuleRule | null;
  readonly excludeModules: ModuleRule | null;
  readonly targetParameters: readonly string[];
  readonly modulesToSave: readonly string[];
  readonly layersToTransform: readonly number[] | null;
  readonly layersPattern: readonly string[];
  /** null: none. Names with null stand for "the input embedding, whatever it is called". */
  readonly trainableTokens: readonly TokenRule[];
  /** `true` and `false` are the vanilla initialisations. */
  readonly initLoraWeights: boolean | string;
  readonly ensureWeightTying: boolean;
  readonly aloraInvocationTokens: readonly number[] | null;
  readonly useQalora: boolean;
  readonly useArrow: boolean;
  readonly useKasa: boolean;
  readonly useMontecLora: boolean;
  readonly useVelora: boolean;
  readonly bdlora: BdLora | null;
  readonly layerReplication: readonly (readonly [start: number, end: number])[] | null;
  /** Keys that no field above reads, in file order. */
  readonly unknownKeys: readonly string[];
  /** The document itself. */
  readonly record: JsonRecord;
  /** Where it came from; for messages. */
  readonly from: string;
}

export interface TokenRule {
  /** Name of the embedding as in `trainable_token_indices`, or null for a bare list. */
  readonly module: string | null;
  readonly indices: readonly number[];
}

export interface BdLora {
  readonly blocksOfA: readonly string[];
  readonly blocksOfB: readonly string[];
  readonly blocks: number;
}
