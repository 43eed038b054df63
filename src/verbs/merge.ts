import { type Checkpoint, ConflictError } from "../core/index.ts";
import { hf, layouts as ownLayouts } from "../layouts/index.ts";
import {
  type AdapterChoice,
  type AdapterUse,
  type BaseLayer,
  type Explanation,
  type MergeOptions as MergePlanOptions,
  planMerge,
  type TieOutcome,
} from "../plan/index.ts";
import { type AdapterWish, chooseAdapters } from "./adapter-choices.ts";
import { type Certificate, certificateName, certificateText } from "./certificate.ts";
import { companionsFrom } from "./copy-tree.ts";
import type { Host, Source } from "./host.ts";
import { certificateOf } from "./merge-certificate.ts";
import { Opened } from "./opened.ts";
import type { ReadOptions, WriteOptions } from "./options.ts";
import { sameCopies } from "./same-copies.ts";
import { writeDraft } from "./write-draft.ts";

export interface MergeOptions extends ReadOptions, WriteOptions, MergePlanOptions {
  /** The base model, where the source is an adapter or holds only what moved. */
  readonly base?: Source;
  /** Further adapters, merged after those of the source. */
  readonly adapters?: readonly Source[];
  /** Which adapters, in which order, by name or label. Default: the one that each source has. */
  readonly choose?: readonly AdapterWish[];
  /** The adapter as it was before training, where its initialisation changed the base (PiSSA, OLoRA, …). */
  readonly initialAdapter?: Source;
  /** The base is the one that such an initialisation left behind. */
  readonly hasResidualBase?: boolean;
  /** `muladd` (default) gives the same bits everywhere; `fma` gives torch's on a CPU. */
  readonly accumulate?: "muladd" | "fma";
  /** What is taken of the output: `fast` (default) one digest a tensor, `sha256` of each file as well, or `none`. */
  readonly digest?: "fast" | "sha256" | "none";
  /** Rows compared with an f64 reference: a seeded `sample` (default), all (`full`), or `none`. */
  readonly prove?: "sample" | "full" | "none";
}

export interface MergeReport {
  /** Where the output is, or would be. */
  readonly output: string;
  readonly explanation: Explanation;
  readonly adapters: readonly (Omit<AdapterUse, "scaling"> & {
    readonly scaling: Readonly<Record<string, number>>;
  })[];
  readonly ties: readonly TieOutcome[];
  readonly dropped: readonly string[];
  /** Absent after a dry run. */
  readonly certificate?: Certificate;
}

/** @see Tenon.merge */
export async function merge(host: Host, source: Source, options: MergeOptions): Promise<MergeReport> {
  await using opened = new Opened(host, options);
  const base = options.base === undefined ? undefined : await opened.open(options.base);
  const names = base?.base === undefined ? {} : { knownBaseNames: new Set(base.base.tensors.keys()) };
  const first = await opened.open(source, names);
  const known = base ?? first;
  const adapterNames =
    known.base?.isComplete === true ? { knownBaseNames: new Set(known.base.tensors.keys()) } : {};
  const sources: Checkpoint[] = [first];
  for (const adapter of options.adapters ?? []) sources.push(await opened.open(adapter, adapterNames));
  const layers = layersOf(base, sources);
  const initial =
    options.initialAdapter === undefined
      ? undefined
      : await opened.open(options.initialAdapter, adapterNames);
  const choices = chooseAdapters(sources, options.choose).map((choice) =>
    withInitial(choice, initial, options),
  );
  const all = opened.checkpoints;
  const lowest = layers[0];
  const owner = all.findIndex(({ location, base: own }) => own !== undefined && location === lowest?.label);
  const sameBytes = await sameCopies(host, all, layers, choices, options);
  const plan = planMerge(
    {
      bases: layers,
      adapters: choices,
      companions: companionsFrom(all, owner),
      origin: {},
      sameBytes,
    },
    options,
  );
  const { accumulate = "muladd", digest = "fast", prove = "sample" } = options;
  const facts = { plan, layers, sources: all, options };
  let certificate: Certificate | undefined;
  const { explanation } = await writeDraft(
    host,
    {
      draft: plan.draft,
      layout: (options.layouts ?? ownLayouts).find(({ name }) => name === "hf") ?? hf,
      sources: all,
      job: { accumulate, digest: digest === "none" ? "none" : "fast", prove },
      sha256: digest === "sha256",
      ...(options.formats && { formats: options.formats }),
      task: "merge",
      conclude: (written) => {
        certificate = certificateOf(facts, written);
        return [{ kind: "text", path: certificateName, text: certificateText(certificate) }];
      },
    },
    options,
  );
  return {
    output: typeof options.output === "string" ? options.output : options.output.location,
    explanation,
    adapters: plan.adapters.map((use) => ({ ...use, scaling: Object.fromEntries(use.scaling) })),
    ties: plan.ties,
    dropped: plan.dropped,
    ...(certificate && { certificate }),
  };
}

/** The base that was given lies below what the sources hold. @throws ConflictError TENON_BASE_SEVERAL */
function layersOf(base: Checkpoint | undefined, sources: readonly Checkpoint[]): BaseLayer[] {
  const layers = [...(base === undefined ? [] : [base]), ...sources].flatMap(({ location, base: own }) =>
    own === undefined ? [] : [{ label: location, base: own }],
  );
  const whole = layers.slice(base?.base === undefined ? 0 : 1).filter(({ base: own }) => own.isComplete);
  if (whole.length > 1) {
    const labels = whole.map(({ label }) => label);
    throw new ConflictError(
      "TENON_BASE_SEVERAL",
      `merge: ${whole.length} sources hold a whole base model: ${labels.join(", ")}`,
      {
        details: { sources: labels },
        hint: "Give one base, and adapters without a model beside them.",
      },
    );
  }
  const [lowest] = whole;
  // A whole base in a later source is still the lowest.
  if (lowest === undefined || base?.base !== undefined) return layers;
  return [lowest, ...layers.filter((layer) => layer !== lowest)];
}

function withInitial(
  choice: AdapterChoice,
  initial: Checkpoint | undefined,
  { hasResidualBase }: MergeOptions,
): AdapterChoice {
  const own = initial?.adapters.get(choice.adapter.name) ?? [...(initial?.adapters.values() ?? [])][0];
  return { ...choice, ...(own && { initial: own }), ...(hasResidualBase && { hasResidualBase }) };
}
