import type { Entry, NameMeaning, Observation, Tensor } from "../../core/index.ts";
import { type LiveName, liveNames } from "../experts.ts";
import { readNames } from "../names/read-names.ts";
import { canonicalName } from "../names/write-names.ts";
import { assembleComponents } from "./assemble.ts";
import type { ComponentDocuments, Components } from "./documents.ts";
import { asStoredInBase, type SliceTensor } from "./live-entries.ts";

export interface UnderstandOptions extends ComponentDocuments {
  /** Canonical names of the base model, where one is given apart: names are then fitted to them. */
  readonly knownBaseNames?: ReadonlySet<string>;
  /** Lets parameters that a live model has fused be read as the ones that the base has; without it they stay fused. */
  readonly slice?: SliceTensor;
}

export interface Understanding extends Components {
  /** In the order of `tensors`; a fused one gives several where the base has it in parts. */
  readonly entries: readonly Entry[];
}

/**
 * From stored tensors to components: reads the names of each adapter's file and of all other files together, then sorts
 * them. When a base is stored too, the adapters' names are fitted to its names.
 * @throws FormatError TENON_NAMES_DUPLICATE; see {@link assembleComponents}
 */
export function understand(tensors: readonly Tensor[], options: UnderstandOptions): Understanding {
  const { adapterFiles, knownBaseNames, slice } = options;
  const groups = new Map<string | undefined, Tensor[]>();
  for (const tensor of tensors) {
    const key = adapterFiles.has(tensor.file) ? tensor.file : undefined;
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [tensor]);
    else group.push(tensor);
  }
  const read = new Map<string, readonly Entry[]>();
  const observations: Observation[] = [];
  let known = knownBaseNames;
  // The model's own names come first: an adapter's file beside it is fitted to them.
  for (const [file, group] of [...groups].sort(
    ([one], [other]) => Number(one !== undefined) - Number(other !== undefined),
  )) {
    const kind = file === undefined ? "model" : "adapter";
    const names = [...new Set(group.map(({ name }) => name))];
    const live = known === undefined || slice === undefined ? noLiveNames : liveNames(known);
    const context = { kind, liveNames: live, ...(known && { knownBaseNames: known }) } as const;
    const reading = readNames(names, context);
    observations.push(...reading.observations);
    for (const tensor of group) {
      const meaning = reading.meanings.get(tensor.name);
      if (meaning === undefined) continue;
      const entry = { tensor, meaning };
      read.set(tensor.id, slice === undefined ? [entry] : asStoredInBase(entry, live, slice));
    }
    if (file === undefined) known ??= baseNames(reading.meanings.values());
  }
  const entries = tensors.flatMap(({ id }) => read.get(id) as readonly Entry[]);
  const components = assembleComponents(entries, options);
  return { ...components, entries, observations: [...observations, ...components.observations] };
}

const noLiveNames: ReadonlyMap<string, LiveName> = new Map();

/** Canonical names of base parameters; undefined when there are none. */
function baseNames(meanings: Iterable<NameMeaning>): ReadonlySet<string> | undefined {
  const names = new Set<string>();
  for (const meaning of meanings)
    if (/^(?:plain|baseLayer|originalModule|tokenBase)$/.test(meaning.role))
      names.add(canonicalName(meaning));
  return names.size > 0 ? names : undefined;
}
