import type { JsonRecord, Tensor } from "../../core/index.ts";
import { sameShape } from "../../core/index.ts";
import { tiesEmbeddings } from "../model-config.ts";
import { isOneTensor } from "./duplicates.ts";

/**
 * Parameters that transformers ties: the owner first, then the aliases that share it. The owner is the one that
 * `save_pretrained` keeps.
 */
const groups: readonly (readonly string[])[] = [
  ["model.embed_tokens.weight", "lm_head.weight"],
  ["model.language_model.embed_tokens.weight", "lm_head.weight"],
  ["language_model.model.embed_tokens.weight", "language_model.lm_head.weight"],
  ["model.decoder.embed_tokens.weight", "lm_head.weight"],
  ["transformer.wte.weight", "lm_head.weight"],
  ["transformer.word_embeddings.weight", "lm_head.weight"],
  ["gpt_neox.embed_in.weight", "embed_out.weight"],
  ["shared.weight", "encoder.embed_tokens.weight", "decoder.embed_tokens.weight", "lm_head.weight"],
  ["model.shared.weight", "model.encoder.embed_tokens.weight", "model.decoder.embed_tokens.weight", "lm_head.weight"],
  ["bert.embeddings.word_embeddings.weight", "cls.predictions.decoder.weight"],
]; // biome-ignore format: one group a line

export interface Ties {
  /** Alias → owner; aliases are to be taken out of the tensors. */
  readonly aliases: ReadonlyMap<string, string>;
  /** Owner and alias that config.json ties and that are both stored, as different tensors. */
  readonly storedTwice: readonly (readonly [owner: string, alias: string])[];
}

/** Finds ties among base parameters: one tensor under several names, or an alias left out because config.json ties it. */
export function findTies(tensors: ReadonlyMap<string, Tensor>, config: JsonRecord | undefined): Ties {
  const aliases = new Map<string, string>();
  for (const names of sharedNames(tensors)) {
    const owner = ownerOf(names);
    for (const name of names) if (name !== owner) aliases.set(name, owner);
  }
  const storedTwice: (readonly [string, string])[] = [];
  if (config === undefined || !tiesEmbeddings(config)) return { aliases, storedTwice };
  for (const [owner = "", ...others] of groups) {
    if (!tensors.has(owner)) continue;
    for (const alias of others) {
      if (!tensors.has(alias)) {
        if (isExpected(alias, config)) aliases.set(alias, owner);
      } else if (!aliases.has(alias)) storedTwice.push([owner, alias]);
    }
  }
  return { aliases, storedTwice };
}

/** Names that lead to one tensor, in groups of two or more. */
function sharedNames(tensors: ReadonlyMap<string, Tensor>): string[][] {
  const byStorage = new Map<string, string[]>();
  for (const [name, { storage }] of tensors)
    if (storage !== undefined) byStorage.set(storage, [...(byStorage.get(storage) ?? []), name]);
  const found: string[][] = [];
  for (const names of byStorage.values()) {
    const left = [...names];
    while (left.length > 1) {
      const first = left.shift() as string;
      const one = tensors.get(first) as Tensor;
      const same = left.filter((name) => isShared(first, one, name, tensors.get(name) as Tensor));
      if (same.length > 0) found.push([first, ...same]);
      for (const name of same) left.splice(left.indexOf(name), 1);
    }
  }
  return found;
}

/** One memory may hold many tensors, so names share a tensor only at one place in it, or as a pair known to be tied. */
function isShared(first: string, one: Tensor, name: string, other: Tensor): boolean {
  if (isOneTensor(one, other)) return true;
  const placesUnknown = one.extents === undefined || other.extents === undefined;
  const isKnown = groups.some((group) => group.includes(first) && group.includes(name));
  return placesUnknown && isKnown && one.dtype === other.dtype && sameShape(one.shape, other.shape);
}

function ownerOf(names: readonly string[]): string {
  for (const [owner = ""] of groups) if (names.includes(owner)) return owner;
  return names[0] as string;
}

/** A head that is absent is an alias only in an architecture that has one. */
function isExpected(alias: string, config: JsonRecord): boolean {
  if (!/(?:lm_head|embed_out|decoder)\.weight$/.test(alias)) return true;
  const names = config["architectures"];
  return (
    Array.isArray(names) &&
    names.some(
      (name) =>
        typeof name === "string" &&
        /For(?:CausalLM|ConditionalGeneration|MaskedLM|PreTraining)$|LMHead/.test(name),
    )
  );
}
