import type { Entry, NameMeaning, Observation, Tensor } from "../../core/index.ts";
import { readNames } from "../names/read-names.ts";
import { canonicalName } from "../names/write-names.ts";
import { assembleComponents } from "./assemble.ts";
import type { ComponentDocuments, Components } from "./documents.ts";

export interface UnderstandOptions extends ComponentDocuments {
  /** Canonical names of the base model, where one is given apart: names are then fitted to them. */
  readonly knownBaseNames?: ReadonlySet<string>;
}

export interface Understanding extends Components {
  /** In the order of `tensors`. */
  readonly entries: readonly Entry[];
}

/**
 * From stored tensors to components: reads the names of each adapter's file and of all other files together, then sorts
 * them. When a base is stored too, the adapters' names are fitted to its names.
 * @throws FormatError TENON_NAMES_DUPLICATE; see {@link assembleComponents}
 */
export function understand(tensors: readonly Tensor[], options: UnderstandOptions): Understanding {
  const { adapterFiles, knownBaseNames } = options;
  const groups = new Map<string | undefined, Tensor[]>();
  for (const tensor of tensors) {
    const key = adapterFiles.has(tensor.file) ? tensor.file : undefined;
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [tensor]);
    else group.push(tensor);
  }
  const meanings = new Map<string, Entry>();
  const observations: Observation[] = [];
  let known = knownBaseNames;
  // The model's own names come first: an adapter's file beside it is fitted to them.
  for (const [file, group] of [...groups].sort(
    ([one], [other]) => Number(one !== undefined) - Number(other !== undefined),
  )) {
    const kind = file === undefined ? "model" : "adapter";
    const names = [...new Set(group.map(({ name }) => name))];
    const reading = readNames(names, { kind, ...(known === undefined ? {} : { knownBaseNames: known }) });
    observations.push(...reading.observations);
    for (const tensor of group) {
      const meaning = reading.meanings.get(tensor.name);
      if (meaning !== undefined) meanings.set(tensor.id, { tensor, meaning });
    }
    if (file === undefined) known ??= baseNames(reading.meanings.values());
  }
  const entries = tensors.map(({ id }) => meanings.get(id) as Entry);
  const components = assembleComponents(entries, options);
  return { ...components, entries, observations: [...observations, ...components.observations] };
}

/** Canonical names of base parameters; undefined when there are none. */
function baseNames(meanings: Iterable<NameMeaning>): ReadonlySet<string> | undefined {
  const names = new Set<string>();
  for (const meaning of meanings)
    if (/^(?:plain|baseLayer|originalModule|tokenBase)$/.test(meaning.role))
      names.add(canonicalName(meaning));
  return names.size > 0 ? names : undefined;
}
