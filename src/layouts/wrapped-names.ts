import { peftDiskName } from "../adapters/index.ts";
import { type DraftAdapter, type NameMeaning, PlanError, type Recipe } from "../core/index.ts";

/** A tensor about to be written. */
export interface NamedRecipe {
  readonly name: string;
  readonly recipe: Recipe;
}

/**
 * How base parameters are called inside a live PeftModel that has some adapters: wrapped modules have `base_layer` in
 * their path, modules_to_save keep the base's own copy as `original_module`.
 */
export class WrappedNames {
  /** Module path → how many tuner layers are wrapped around it. */
  readonly #layers = new Map<string, number>();
  readonly #saved = new Set<string>();
  readonly #tokens = new Set<string>();

  constructor(adapters: readonly DraftAdapter[]) {
    for (const { parameters } of adapters) for (const { meaning } of parameters) this.#see(meaning);
  }

  /** The meaning under which {@link peftDiskName} spells a base parameter as it is in memory. */
  meaningOf(parameter: string): NameMeaning {
    const dot = parameter.lastIndexOf(".");
    const module = dot < 0 ? "" : parameter.slice(0, dot);
    const leaf = parameter.slice(dot + 1);
    const wrappedAt: string[] = [];
    let savedAt: string | undefined;
    for (const path of pathsTo(module)) {
      for (let layer = this.#layers.get(path) ?? 0; layer > 0; layer--) wrappedAt.push(path);
      if (this.#saved.has(path)) savedAt = path;
    }
    const nesting = wrappedAt.length;
    if (this.#tokens.has(module) && nesting === 0)
      return { role: "tokenBase", module, leaf, nesting, wrappers: [] };
    if (savedAt !== undefined) wrappedAt.push(savedAt);
    const role = savedAt !== undefined ? "originalModule" : nesting > 0 ? "baseLayer" : "plain";
    return { role, module, leaf, nesting, wrappedAt, wrappers: [] };
  }

  #see({ role, module, nesting, wrappedAt }: NameMeaning): void {
    if (role === "modulesToSave") this.#saved.add(wrappedAt?.[nesting] ?? module);
    else if (role === "tokenDelta") this.#tokens.add(module);
    else if (/^(lora|magnitude)/.test(role)) {
      const own = wrappedAt?.filter((path) => path === module).length ?? nesting;
      this.#layers.set(module, Math.max(this.#layers.get(module) ?? 0, own + 1));
    }
  }
}

/** `a`, `a.b`, `a.b.c` for `a.b.c`. */
function pathsTo(module: string): string[] {
  const segments = module === "" ? [] : module.split(".");
  return segments.map((_, at) => segments.slice(0, at + 1).join("."));
}

/** Base parameters under the names that they have in a live PeftModel. */
export function baseInMemory(
  tensors: ReadonlyMap<string, Recipe>,
  adapters: readonly DraftAdapter[],
): NamedRecipe[] {
  const names = new WrappedNames(adapters);
  return [...tensors].map(([parameter, recipe]) => ({
    name: peftDiskName(names.meaningOf(parameter)),
    recipe,
  }));
}

/** @throws PlanError TENON_LAYOUT_SAME_NAME when a layout would give two tensors of a file one name */
export function distinctNames(layout: string, entries: readonly NamedRecipe[]): readonly NamedRecipe[] {
  const seen = new Set<string>();
  for (const { name } of entries) {
    if (seen.has(name)) {
      throw new PlanError(
        "TENON_LAYOUT_SAME_NAME",
        `${layout}: two different tensors would both be written as ${JSON.stringify(name)}`,
        {
          details: { layout, name },
          hint: "Write the layout tenon, which keeps base and adapters apart.",
        },
      );
    }
    seen.add(name);
  }
  return entries;
}
