// An adapter's file may hold an embedding for two reasons: PEFT saved it by itself, or it was trained with the rest of the base.
import { type Entry, isTenonError, type Replacement, sameShape, type TensorMeta } from "../../core/index.ts";
import type { LoraConfig } from "../config/lora-config.ts";
import { matchesTarget } from "../targets.ts";

/** The base that an adapter stands on, given apart. By canonical name. */
export interface BaseShapes {
  readonly tensors: ReadonlyMap<string, Pick<TensorMeta, "shape">>;
  readonly ties: ReadonlyMap<string, string>;
}

export interface EmbeddingFacts {
  readonly lora: LoraConfig | undefined;
  /** Undefined: whether the vocabulary grew cannot be told, so PEFT may have saved the embeddings for that. */
  readonly base: BaseShapes | undefined;
  readonly entries: readonly Entry[];
}

/**
 * The replacements of one adapter, in which embeddings that were trained with the base are told from those that PEFT saves.
 * PEFT writes no trained base, so in a file that holds some, an embedding is PEFT's own only where its `save_embedding_layers="auto"`
 * asks for it: the config targets it by name, or it has more or fewer rows than the base's.
 * @see peft `utils/save_and_load.py` get_peft_model_state_dict
 */
export function tellTrainedEmbeddings(
  replacements: readonly Replacement[],
  { lora, base, entries }: EmbeddingFacts,
): readonly Replacement[] {
  if (base === undefined || !replacements.some(({ kind }) => kind === "trainedBase")) return replacements;
  const meanings = new Map(entries.map(({ tensor, meaning }) => [tensor.id, meaning]));
  return replacements.map((replacement) => {
    const { kind, parameter, tensor } = replacement;
    if (kind !== "embedding") return replacement;
    const below = base.tensors.get(parameter) ?? base.tensors.get(base.ties.get(parameter) ?? parameter);
    if (below === undefined || !sameShape(below.shape, tensor.shape)) return replacement;
    const isWrapped = meanings.get(tensor.id)?.role === "baseLayer";
    if (isWrapped && lora !== undefined && isTargetedByName(lora, parameter)) return replacement;
    return { ...replacement, kind: "trainedBase" };
  });
}

/** PEFT looks for these two names alone: as they stand in a list, or as modules that a regular expression matches. */
const namesPeftLooksFor = ["embed_tokens", "lm_head"] as const;

function isTargetedByName(lora: LoraConfig, parameter: string): boolean {
  const { targetModules, trainableTokens } = lora;
  if (trainableTokens.length > 0) return false;
  if (targetModules?.kind === "names")
    return namesPeftLooksFor.some((name) => targetModules.names.includes(name));
  if (targetModules?.kind !== "regex") return false;
  const module = parameter.slice(0, parameter.lastIndexOf("."));
  if (!/(?:^|\.)(?:embed_tokens|lm_head)$/.test(module)) return false;
  try {
    return matchesTarget(lora, module) === "target";
  } catch (error) {
    // A pattern that cannot be run is refused by whoever has to know; here it leaves the file as PEFT may have written it.
    if (isTenonError(error)) return true;
    throw error;
  }
}
