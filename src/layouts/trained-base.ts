import type { AdapterComponent, BaseComponent, Entry, Tensor } from "../core/index.ts";
import type { ModelPart } from "./model-part.ts";

/** Whether an adapter file carries base parameters that PEFT itself would not have put there. */
export function hasTrainedBase({ adapters }: Pick<ModelPart, "adapters">): boolean {
  return [...adapters.values()].some(({ replacements }) =>
    replacements.some(({ kind }) => kind === "trainedBase"),
  );
}

/**
 * Moves the base parameters that adapter files carry into a base of their own, which is not whole. modules_to_save, biases
 * that the config asks for and saved embeddings stay with their adapter.
 */
export function withTrainedBase(part: ModelPart): ModelPart {
  const tensors = new Map<string, Tensor>();
  const adapters = new Map<string, AdapterComponent>();
  for (const [name, adapter] of part.adapters) {
    const moved = new Set<string>();
    for (const { kind, parameter, tensor } of adapter.replacements) {
      if (kind !== "trainedBase") continue;
      moved.add(tensor.id);
      // Several adapters may carry the same base; PEFT would let the one loaded last win. The first is as good.
      if (!tensors.has(parameter)) tensors.set(parameter, tensor);
    }
    for (const { meaning, tensor } of adapter.entries) {
      if (!isSavedOriginal(meaning, adapter)) continue;
      moved.add(tensor.id);
      const parameter = meaning.module === "" ? meaning.leaf : `${meaning.module}.${meaning.leaf}`;
      if (!tensors.has(parameter)) tensors.set(parameter, tensor);
    }
    adapters.set(name, {
      ...adapter,
      replacements: adapter.replacements.filter(({ tensor }) => !moved.has(tensor.id)),
      entries: adapter.entries.filter(({ tensor }) => !moved.has(tensor.id)),
    });
  }
  if (part.base !== undefined || tensors.size === 0) return { ...part, adapters };
  const shards = new Map<string, string[]>();
  for (const [name, { file }] of tensors) shards.set(file, [...(shards.get(file) ?? []), name]);
  const base: BaseComponent = { tensors, isComplete: false, ties: new Map(), shards };
  return { ...part, base, adapters };
}

/** The base's own copy of a saved module. PEFT leaves such biases behind with `bias="all"`; those are nobody's. */
function isSavedOriginal({ role, leaf }: Entry["meaning"], { config }: AdapterComponent): boolean {
  return role === "originalModule" && !(leaf === "bias" && config?.["bias"] === "all");
}
