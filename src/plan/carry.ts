// From the components of a source to the parts of a draft: what goes along, under which meaning, and what cannot.
import { canonicalName, parseLoraConfig, savedModuleOf } from "../adapters/index.ts";
import {
  type AdapterComponent,
  type BaseComponent,
  isTenonError,
  type NameMeaning,
  type Recipe,
  type Replacement,
  type Tensor,
} from "../core/index.ts";
import { type Carried, type CarriedAdapter, type CarryOptions, keep } from "./carried.ts";
import { carryOptimizer } from "./carry-optimizer.ts";
import { carriedTwice, isStray, refuseUncarried } from "./carry-refusals.ts";
import { type Components, Drops } from "./drops.ts";

/**
 * Sorts a source into what a draft takes. Trained base parameters that lie in an adapter's file go to the base; saved
 * modules, biases, embeddings and token rows stay with their adapter. Leftovers of `bias="all"`, which PEFT itself
 * does not read, are left behind; they are observed as TENON_NAMES_STRAY_BIAS.
 * @throws PlanError for everything that would get lost: TENON_NAMES_OUTSIDE_MODEL, TENON_NAMES_FOREIGN, TENON_TENSOR_EMPTY,
 *   TENON_NAMES_SEVERAL_MODELS, TENON_ADAPTER_STORED_TWICE, TENON_BASE_CARRIED_TWICE, TENON_OPTIMIZER_UNNAMED,
 *   TENON_LAYOUT_CANNOT_HOLD; UnsupportedError TENON_NAMES_QUANTISED; UsageError TENON_DROP_UNKNOWN
 */
export function carry(source: Components, options: CarryOptions): Carried {
  const drops = new Drops(options.drop ?? [], source, options.verb);
  refuseUncarried(source, drops, options);
  const adapters: CarriedAdapter[] = [];
  const moved = new Map<string, { readonly tensor: Tensor; readonly adapter: string }>();
  for (const adapter of source.adapters.values()) {
    if (drops.adapter(adapter.name)) continue;
    for (const { parameter, tensor } of drops.component("base") ? [] : baseIn(adapter)) {
      if (drops.parameter(parameter, tensor.name)) continue;
      const first = moved.get(parameter);
      if (first !== undefined) throw carriedTwice(parameter, [first.adapter, adapter.name], options.verb);
      moved.set(parameter, { tensor, adapter: adapter.name });
    }
    adapters.push(carryAdapter(adapter, drops));
  }
  const base = drops.component("base") ? undefined : carryBase(source.base, moved, drops);
  const optimizer = carryOptimizer(source, drops, options);
  return {
    ...(base && { base }),
    adapters,
    ...(optimizer && { optimizer }),
    ...carryTrainer(source, drops),
  };
}

function carryTrainer({ trainer }: Components, drops: Drops): Pick<Carried, "trainer"> {
  if (trainer === undefined || drops.component("trainer")) return {};
  return {
    trainer: { documents: new Map([...trainer.documents].filter(([name]) => !drops.document(name))) },
  };
}

function carryBase(
  own: BaseComponent | undefined,
  moved: ReadonlyMap<string, { readonly tensor: Tensor }>,
  drops: Drops,
): BaseComponent | undefined {
  if (own === undefined && moved.size === 0) return undefined;
  const tensors = new Map<string, Tensor>();
  for (const [name, tensor] of own?.tensors ?? [])
    if (!drops.parameter(name, tensor.name)) tensors.set(name, tensor);
  for (const [name, { tensor }] of moved) tensors.set(name, tensor);
  const ties = new Map([...(own?.ties ?? [])].filter((tie) => !drops.parameter(...tie)));
  if (own === undefined) return { tensors, isComplete: false, ties, shards: new Map() };
  return { ...own, tensors, ties };
}

function carryAdapter(adapter: AdapterComponent, drops: Drops): CarriedAdapter {
  const { name, config = {}, entries } = adapter;
  const replacements = new Map<string, Replacement["kind"]>();
  const replaced = new Map(adapter.replacements.map((each) => [each.tensor.id, each]));
  const parameters: { meaning: NameMeaning; recipe: Recipe }[] = [];
  for (const entry of entries) {
    const { tensor, meaning } = entry;
    const replacement = replaced.get(tensor.id);
    if (replacement?.kind === "trainedBase" || meaning.role === "originalModule") continue;
    if (isStray(entry) || drops.entry(entry, name)) continue;
    if (replacement !== undefined) replacements.set(replacement.parameter, replacement.kind);
    const isSaved = replacement?.kind === "modulesToSave" && meaning.role === "plain";
    parameters.push({ meaning: isSaved ? savedMeaning(meaning, adapter) : meaning, recipe: keep(tensor) });
  }
  return { name, config, parameters, replacements };
}

/** Base parameters in an adapter's file: those that were trained, and the base's own copies of saved modules. */
function baseIn(adapter: AdapterComponent): { readonly parameter: string; readonly tensor: Tensor }[] {
  const originals = adapter.entries.filter(
    (entry) => entry.meaning.role === "originalModule" && !isStray(entry),
  );
  return [
    ...adapter.replacements.filter(({ kind }) => kind === "trainedBase"),
    ...originals.map(({ meaning, tensor }) => ({ parameter: canonicalName(meaning), tensor })),
  ];
}

/** On disk a saved module goes by its plain name; in memory it does not, so it gets its role back. */
function savedMeaning(meaning: NameMeaning, { config, configFrom = "" }: AdapterComponent): NameMeaning {
  const savedAt = config && attempt(() => savedModuleOf(parseLoraConfig(config, configFrom), meaning.module));
  const isInside = savedAt !== undefined && savedAt !== meaning.module;
  return { ...meaning, role: "modulesToSave", ...(isInside && { wrappedAt: [savedAt] }) };
}

function attempt<T>(run: () => T): T | undefined {
  try {
    return run();
  } catch (error) {
    if (!isTenonError(error)) throw error;
    return undefined;
  }
}
