import { type Checkpoint, passedOver } from "../core/index.ts";
import { hf, layouts as ownLayouts } from "../layouts/index.ts";
import {
  type AdapterChoice,
  type AdapterUse,
  type BaseLayer,
  type Explanation,
  layMasters,
  type MasterUse,
  planMerge,
  type TieOutcome,
} from "../plan/index.ts";
import { chooseAdapters } from "./adapter-choices.ts";
import { type Certificate, certificateName, certificateText } from "./certificate.ts";
import { companionsFrom } from "./copy-tree.ts";
import type { Host, Source } from "./host.ts";
import { certificateOf } from "./merge-certificate.ts";
import { compareMasters } from "./merge-masters.ts";
import { refuseObserved } from "./merge-observed.ts";
import type { MergeOptions } from "./merge-options.ts";
import { openMergeSources } from "./merge-sources.ts";
import { Opened } from "./opened.ts";
import { sameCopies } from "./same-copies.ts";
import { writeDraft } from "./write-draft.ts";

export interface MergeReport {
  /** Where the output is, or would be. */
  readonly output: string;
  readonly explanation: Explanation;
  readonly adapters: readonly (Omit<AdapterUse, "scaling"> & {
    readonly scaling: Readonly<Record<string, number>>;
  })[];
  readonly ties: readonly TieOutcome[];
  readonly dropped: readonly string[];
  /** With `fromMaster`: canonical names of what was taken from fp32 masters, by the checkpoint that holds them. */
  readonly masters: readonly MasterUse[];
  /** What the user should know of an output that is right as far as it goes. */
  readonly warnings: readonly string[];
  /** Absent after a dry run. */
  readonly certificate?: Certificate;
}

/** @see Tenon.merge */
export async function merge(host: Host, source: Source, options: MergeOptions): Promise<MergeReport> {
  await using opened = new Opened(host, options);
  const { sources, layers, initial } = await openMergeSources(host, source, options, opened);
  for (const checkpoint of sources) refuseObserved(checkpoint, options);
  const chosen = chooseAdapters(sources, options.choose).map((choice) =>
    withInitial(choice, initial, options),
  );
  const all = opened.checkpoints;
  const masters =
    options.fromMaster === true
      ? layMasters({
          holders: holdersOf(all, sources, layers),
          bases: layers,
          adapters: chosen,
          ...(options.drop && { drop: options.drop }),
        })
      : undefined;
  if (masters !== undefined) await compareMasters(host, masters, all, options);
  const choices = masters?.adapters ?? chosen;
  const sameBytes = await sameCopies(host, all, layers, choices, options);
  const plan = planMerge(
    {
      bases: layers,
      adapters: choices,
      companions: companionsOf(all, layers, sources),
      origin: {},
      sameBytes,
      ...(masters && { masters }),
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
    masters: plan.masters,
    warnings: [
      ...(plan.draft.base?.config === undefined ? [noConfigWarning] : []),
      ...all.flatMap(({ observations }) => passedOver(observations)),
    ],
    ...(certificate && { certificate }),
  };
}

/** Sources and bases, each once: a base may be opened twice, as it was given and as what a delta stands on. */
function holdersOf(
  all: readonly Checkpoint[],
  sources: readonly Checkpoint[],
  layers: readonly BaseLayer[],
): readonly Checkpoint[] {
  const locations = new Set(
    [...sources, ...layers.map(({ label }) => ({ location: label }))].map((each) => each.location),
  );
  return [...locations].flatMap((wanted) => all.find(({ location }) => location === wanted) ?? []);
}

/** The base's tokenizer and generation config; those that lie with an adapter were saved later and win. */
function companionsOf(
  all: readonly Checkpoint[],
  layers: readonly BaseLayer[],
  sources: readonly Checkpoint[],
): readonly { readonly path: string; readonly source: string }[] {
  const order = [...layers.map(({ label }) => label), ...sources.map(({ location }) => location)];
  const chosen = new Map<string, string>();
  for (const wanted of new Set(order)) {
    const index = all.findIndex(({ location }) => location === wanted);
    for (const { path, source } of companionsFrom(all, index)) chosen.set(path, source);
  }
  return [...chosen].map(([path, source]) => ({ path, source }));
}

const noConfigWarning =
  "No config.json was found, so none is written and transformers cannot load the output; give the model that it started from: --base DIR";

function withInitial(
  choice: AdapterChoice,
  initial: Checkpoint | undefined,
  { hasResidualBase }: MergeOptions,
): AdapterChoice {
  const own = initial?.adapters.get(choice.adapter.name) ?? [...(initial?.adapters.values() ?? [])][0];
  return { ...choice, ...(own && { initial: own }), ...(hasResidualBase && { hasResidualBase }) };
}
