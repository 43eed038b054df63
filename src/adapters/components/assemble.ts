import {
  type AdapterModule,
  type Entry,
  FormatError,
  type Observation,
  type Role,
} from "../../core/index.ts";
import { adapterCount } from "../limits.ts";
import { observe } from "../observations.ts";
import { AdapterBuilder } from "./adapter-builder.ts";
import { BaseBuilder } from "./base-builder.ts";
import type { ComponentDocuments, Components } from "./documents.ts";
import { Duplicates } from "./duplicates.ts";
import { observeAdapter } from "./observe-adapter.ts";
import { observeBase, observeEmpty } from "./observe-base.ts";

const baseRoles: ReadonlySet<Role> = new Set([
  "plain",
  "baseLayer",
  "originalModule",
  "tokenBase",
  "quantState",
]);

/**
 * Sorts named tensors into a base and adapters.
 *
 * In a file of a model the base's parameters are the base, whatever wrapped them, and adapters are told apart by the name in
 * the key (`default` where a key has none). In an adapter's file every base parameter replaces the base's. Foreign tensors
 * go to the adapter whose file they are in, or to none.
 * @throws FormatError TENON_NAMES_TOO_MANY_ADAPTERS; TENON_NAMES_DUPLICATE unless `documents.duplicates` is `observe`
 */
export function assembleComponents(entries: readonly Entry[], documents: ComponentDocuments): Components {
  const duplicates = new Duplicates(documents.duplicates ?? "refuse");
  const base = new BaseBuilder(duplicates, documents.config);
  const adapters = new Map<string, AdapterBuilder>();
  const adapter = (name: string): AdapterBuilder => {
    const known = adapters.get(name);
    if (known !== undefined) return known;
    const config = documents.givenConfig ?? documents.adapterConfigs.get(name);
    const made = new AdapterBuilder(name, duplicates, config, documents.knownBase);
    adapters.set(name, made);
    if (adapters.size > adapterCount) throw tooManyAdapters();
    return made;
  };
  const files = firstFiles(documents.adapterFiles);
  const baseEntries: Entry[] = [];
  for (const entry of entries) {
    const { meaning, tensor } = entry;
    const owner = documents.adapterFiles.get(tensor.file);
    if (owner !== undefined) {
      // A second file for the same adapter is observed, not mixed in: its tensors are still among the entries.
      if (files.get(owner) === tensor.file) adapter(owner).add(entry);
    } else if (baseRoles.has(meaning.role)) {
      baseEntries.push(entry);
      base.add(entry);
    } else if (meaning.role !== "foreign") adapter(meaning.adapter ?? "default").add(entry);
  }
  const built = [...adapters.values()].map((builder) => ({ builder, component: builder.build() }));
  const modules = built.flatMap(({ component }) => [...component.modules.values()]);
  const made = base.build(wrappedWeights(modules));
  const observations: Observation[] = [
    ...duplicates.observations(),
    ...observeStoredTwice(documents.adapterFiles, files),
    ...observeEmpty(entries),
    ...(made === undefined ? [] : [...made.observations, ...observeBase(made.base, baseEntries, modules)]),
    ...built.flatMap(({ builder, component }) => observeAdapter(builder, component, made?.base)),
  ];
  return {
    ...(made === undefined ? {} : { base: made.base }),
    adapters: new Map(built.map(({ component }) => [component.name, component])),
    observations,
  };
}

function tooManyAdapters(): FormatError {
  const message = `names: more than ${adapterCount} adapters are stored together`;
  return new FormatError("TENON_NAMES_TOO_MANY_ADAPTERS", message, {
    details: { allowed: adapterCount },
    hint: "Keep each adapter in a file or directory of its own.",
  });
}

/** Adapter → the first of its files. */
function firstFiles(adapterFiles: ReadonlyMap<string, string>): Map<string, string> {
  const first = new Map<string, string>();
  for (const [file, name] of adapterFiles) if (!first.has(name)) first.set(name, file);
  return first;
}

function observeStoredTwice(
  adapterFiles: ReadonlyMap<string, string>,
  first: ReadonlyMap<string, string>,
): Observation[] {
  return [...first].flatMap(([name, file]) => {
    const files = [...adapterFiles].filter(([, owner]) => owner === name).map(([path]) => path);
    return files.length > 1
      ? [observe("TENON_ADAPTER_STORED_TWICE", files, { adapter: name, used: file })]
      : [];
  });
}

/** Weights of ordinary modules that low-rank pairs stand on; target parameters and attention have other names. */
function wrappedWeights(modules: readonly AdapterModule[]): string[] {
  const nested = new Set(modules.filter(({ nesting }) => nesting > 0).map(({ path }) => path));
  return modules
    .filter(
      ({ path, nesting }) => nesting === 0 && !nested.has(path) && !/(?:^|\.)(?:experts|attn)$/.test(path),
    )
    .map(({ path }) => `${path}.weight`);
}
