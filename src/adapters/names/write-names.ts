import type { NameMeaning, Role } from "../../core/index.ts";

const peftPrefix = "base_model.model.";

/** Tail of an adapter tensor's name: token and, for tokens that are modules, what follows the adapter's name. */
const tails: Partial<Record<Role, readonly [token: string, leaf: string]>> = {
  loraA: ["lora_A", "weight"],
  loraB: ["lora_B", "weight"],
  loraBias: ["lora_B", "bias"],
  loraEmbeddingA: ["lora_embedding_A", ""],
  loraEmbeddingB: ["lora_embedding_B", ""],
  magnitude: ["lora_magnitude_vector", ""],
  loraDiag: ["lora_diag", ""],
  tokenDelta: ["token_adapter.trainable_tokens_delta", ""],
};

function joined(...parts: readonly string[]): string {
  return parts.filter((part) => part !== "").join(".");
}

/**
 * The name that every room uses: a base parameter as transformers writes it (`model.norm.weight`), an adapter
 * parameter as `<adapter>:<module path>.<lora_A|…>`, a trained copy of a base parameter as `<adapter>:<its name>`.
 * The path of a nested module ends in `#<nesting>`. An adapter whose name the key lacks is `default`.
 */
export function canonicalName(meaning: NameMeaning): string {
  const { role, module, leaf, adapter = "default", nesting } = meaning;
  const path = nesting > 0 ? `${module}#${nesting}` : module;
  if (role === "modulesToSave") return `${adapter}:${joined(module, leaf)}`;
  if (role === "loraExtra" || role === "foreign") return `${adapter}:${joined(path, leaf)}`;
  if (role === "loraBias") return `${adapter}:${joined(path, "lora_B.bias")}`;
  if (role === "tokenDelta") return `${adapter}:${joined(path, "trainable_tokens_delta")}`;
  const tail = tails[role];
  return tail === undefined ? joined(module, leaf) : `${adapter}:${joined(path, tail[0])}`;
}

/**
 * The name in a file that PEFT's `save_pretrained` writes: no adapter name, no `.weight` after DoRA's magnitude and
 * embedding factors, a trained copy under its plain name.
 */
export function peftDiskName(meaning: NameMeaning): string {
  if (meaning.role === "modulesToSave") return peftPrefix + joined(meaning.module, meaning.leaf);
  return named(meaning, "");
}

/** The name in the state dict of a live PeftModel, in which the adapter is called `adapterName`. */
export function peftMemoryName(meaning: NameMeaning, adapterName: string): string {
  return named(meaning, adapterName);
}

function named(meaning: NameMeaning, adapter: string): string {
  const { role, leaf } = meaning;
  const tail = tails[role];
  if (tail !== undefined) {
    const isModule = role === "magnitude" && adapter !== "";
    return peftPrefix + joined(pathWithWrappers(meaning), tail[0], adapter, isModule ? "weight" : tail[1]);
  }
  switch (role) {
    case "modulesToSave":
      return peftPrefix + joined(pathWithWrappers(meaning, joined("modules_to_save", adapter)), leaf);
    case "originalModule":
      return peftPrefix + joined(pathWithWrappers(meaning, "original_module"), leaf);
    case "tokenBase":
      return peftPrefix + joined(pathWithWrappers(meaning), "token_adapter.base_layer", leaf);
    case "loraExtra": {
      const [token = "", ...rest] = leaf.split(".");
      return peftPrefix + joined(pathWithWrappers(meaning), token, adapter, ...rest);
    }
    case "foreign": {
      const prefix = meaning.wrappers.includes("base_model.model") ? peftPrefix : "";
      return prefix + joined(pathWithWrappers(meaning), leaf);
    }
    default:
      return peftPrefix + joined(pathWithWrappers(meaning), leaf);
  }
}

/** The module's path with `base_layer` and, where given, `saved` put back where they stood. */
function pathWithWrappers(meaning: NameMeaning, saved = ""): string {
  const { module, nesting, wrappedAt } = meaning;
  const layers = wrappedAt?.slice(0, nesting) ?? Array.from({ length: nesting }, () => module);
  const savedAt = wrappedAt?.[nesting] ?? module;
  const out: string[] = [];
  let path = "";
  for (const segment of module === "" ? [] : module.split(".")) {
    path = joined(path, segment);
    out.push(segment, ...layers.filter((place) => place === path).map(() => "base_layer"));
    if (saved !== "" && savedAt === path) out.push(saved);
  }
  return out.join(".");
}
