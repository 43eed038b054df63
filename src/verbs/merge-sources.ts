import { type Checkpoint, ConflictError } from "../core/index.ts";
import type { OpenOptions } from "../layouts/index.ts";
import type { BaseLayer } from "../plan/index.ts";
import { baseLayersOf, openBase } from "./base-source.ts";
import type { Host, Source } from "./host.ts";
import type { MergeOptions } from "./merge-options.ts";
import type { Opened } from "./opened.ts";

/** Everything that a merge reads, opened. */
export interface MergeSources {
  /** The source and the further adapters, in the order given. */
  readonly sources: readonly Checkpoint[];
  /** Bases, the lowest first. */
  readonly layers: readonly BaseLayer[];
  readonly initial: Checkpoint | undefined;
}

/**
 * Opens what a merge reads. Names of adapters are fitted to those of the base, which is therefore opened before them.
 * @throws ConflictError TENON_BASE_SEVERAL, and what opening and following a base throws
 */
export async function openMergeSources(
  host: Host,
  source: Source,
  options: MergeOptions,
  opened: Opened,
): Promise<MergeSources> {
  const given =
    options.base === undefined ? undefined : opened.adopt(await openBase(host, options.base, options));
  const first = await opened.open(source, fittedTo(given));
  const fitted = fittedTo(given ?? first);
  const sources = [first];
  for (const adapter of options.adapters ?? []) sources.push(await opened.open(adapter, fitted));
  const initial =
    options.initialAdapter === undefined ? undefined : await opened.open(options.initialAdapter, fitted);
  return { sources, layers: await layersOf(host, source, sources, given, options, opened), initial };
}

function fittedTo(base: Checkpoint | undefined): Pick<OpenOptions, "knownBaseNames" | "knownBase"> {
  if (base?.base?.isComplete !== true) return {};
  return {
    knownBaseNames: new Set([...base.base.tensors.keys(), ...base.base.ties.keys()]),
    knownBase: base.base,
  };
}

/** What holds only a part of the base stands on the one that is given, or on the whole one among the sources. */
async function layersOf(
  host: Host,
  source: Source,
  sources: readonly Checkpoint[],
  given: Checkpoint | undefined,
  options: MergeOptions,
  opened: Opened,
): Promise<readonly BaseLayer[]> {
  const whole = sources.filter(({ base }) => base?.isComplete === true);
  const partial = sources.filter(({ base }) => base?.isComplete === false);
  const [several] = [whole, partial].filter(({ length }) => length > 1);
  if (several !== undefined) throw severalBases(several);
  const top = partial[0] ?? whole[0];
  if (top === undefined)
    return given?.base === undefined ? [] : [{ label: given.location, base: given.base }];
  const allSources = [source, ...(options.adapters ?? [])];
  const below = options.base ?? (partial[0] && whole[0] ? allSources[sources.indexOf(whole[0])] : undefined);
  const { base: _, ...others } = options;
  const { layers, opened: more } = await baseLayersOf(host, top, {
    ...others,
    ...(below !== undefined && { base: below }),
  });
  for (const checkpoint of more) opened.adopt(checkpoint);
  return layers;
}

function severalBases(sources: readonly Checkpoint[]): ConflictError {
  const labels = sources.map(({ location }) => location);
  const what = sources[0]?.base?.isComplete === true ? "a whole base model" : "trained base parameters";
  return new ConflictError(
    "TENON_BASE_SEVERAL",
    `merge: ${labels.length} sources hold ${what}: ${labels.join(", ")}`,
    {
      details: { sources: labels },
      hint: "Give one base, and adapters without a model beside them.",
    },
  );
}
