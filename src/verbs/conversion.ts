// What split and convert share: opening, comparing with a base, planning, writing, and the report.
import type { Checkpoint, Tensor } from "../core/index.ts";
import type { Layout } from "../layouts/index.ts";
import {
  type BaseBelow,
  type BaseForm,
  type Carried,
  type CarryOptions,
  type ConversionPlan,
  carry,
  mastersAsWeights,
  planConvert,
  planSplit,
  refuseMisfits,
  wholeBase,
} from "../plan/index.ts";
import { baseLayersOf, compareDigests, openBase } from "./base-source.ts";
import { compareWithBase } from "./compare-base.ts";
import { type ConversionReport, reportOf } from "./conversion-report.ts";
import type { Host, Source } from "./host.ts";
import { compareMasters } from "./merge-masters.ts";
import { modelCompanions } from "./model-companions.ts";
import { openSource } from "./open.ts";
import type { ReadOptions, WriteOptions } from "./options.ts";
import { tenonVersion } from "./version.ts";
import { writeDraft } from "./write-draft.ts";

export interface ConversionOptions extends ReadOptions, WriteOptions {
  /** The model that the source was trained from: what has its bits is not stored again, what is missing comes from it. */
  readonly base?: Source;
}

interface Conversion {
  readonly verb: ConversionReport["verb"];
  readonly target: Layout;
  readonly fromMaster?: boolean;
  /** Changes what goes along, once it is known to go along. */
  readonly change?: (facts: ChangeFacts) => Promise<Changed>;
}

export interface ChangeFacts {
  readonly checkpoint: Checkpoint;
  readonly carried: Carried;
  /** Everything that is open. */
  readonly opened: readonly Checkpoint[];
  /** The base that the source stands on: the one given, or the one that it names if that is still there. */
  readonly findBelow: () => Promise<BaseBelow | undefined>;
}

export interface Changed {
  readonly carried: Carried;
  /** Tensors of it that no source has. */
  readonly made: readonly Tensor[];
}

/** How much of a base each of tenon's own layouts takes; a layout of the caller's own is given all of it. */
const forms: Readonly<Record<string, BaseForm>> = {
  tenon: "delta",
  peft: "moved",
  "peft-hybrid": "moved",
  hf: "whole",
  "state-dict": "whole",
  dcp: "whole",
  accelerate: "whole",
};

/** Documents of the trainer's state that a layout has a place for, where it has one for the optimizer. */
const documents: Readonly<Record<string, RegExp>> = {
  dcp: /^dcp\.json$/,
};

/** @throws PlanError, UsageError, UnsupportedError as `planConvert`, `carry`, `baseLayersOf` and `writeDraft` */
export async function writeConversion(
  host: Host,
  source: Source,
  { verb, target, fromMaster = false, change }: Conversion,
  options: ConversionOptions,
): Promise<ConversionReport> {
  const opened: Checkpoint[] = [];
  try {
    const given =
      options.base === undefined ? undefined : await openBelow(host, options.base, options, opened);
    const whole = given && wholeBase(given.location, given.layers);
    const knownBaseNames = whole && new Set([...whole.tensors.keys(), ...whole.ties.keys()]);
    const checkpoint = await openSource(host, source, {
      ...options,
      ...(knownBaseNames && { knownBaseNames }),
      ...(whole && { knownBase: whole }),
    });
    opened.push(checkpoint);
    if (given !== undefined) await compareDigests(host, checkpoint, given.layers, opened, options);
    const masters = fromMaster ? mastersAsWeights(checkpoint, { verb, ...options }) : undefined;
    if (masters !== undefined) await compareMasters(host, masters, opened, options, verb);
    const weights = masters?.source ?? checkpoint;
    const carried = carry(weights, {
      verb,
      target: target.name,
      ...heldBy(target, checkpoint),
      ...(options.drop && { drop: options.drop }),
    });
    const form = formOf(target.name, carried);
    const isPartial = carried.base?.isComplete === false;
    const below =
      given ??
      (form === "whole" && isPartial ? await followed(host, checkpoint, options, opened) : undefined);
    if (below !== undefined) refuseMisfits(weights, carried, below, verb);
    const facts = { source: weights, carried, target: target.name, form, ...(below && { below }) };
    const compared = await compareWithBase(host, facts, opened, options);
    const findBelow = async (): Promise<BaseBelow | undefined> =>
      below ?? (await followed(host, checkpoint, options, opened));
    const changed = await change?.({ checkpoint, carried: compared.carried, opened, findBelow });
    const plan = planOf(
      { verb, target: target.name, form },
      {
        source: weights,
        ...(below && { below }),
        ...compared,
        ...(changed && { carried: changed.carried }),
        // Which ones depends on whether the plan is a whole model.
        companions: [],
        origin: originOf(verb, checkpoint),
      },
    );
    // Where everything moved, what is written beside a base is a whole model too.
    const isWholeModel = form !== "moved" && plan.draft.base?.isComplete === true;
    const draft = { ...plan.draft, companions: modelCompanions(opened, checkpoint, isWholeModel) };
    const report = await writeDraft(
      host,
      {
        draft,
        layout: target,
        sources: opened,
        ...(changed && { made: changed.made }),
        job: { accumulate: "muladd", digest: "none", prove: "none" },
        ...(options.formats && { formats: options.formats }),
        task: verb,
      },
      options,
    );
    const taken = masters?.placed.map(({ name }) => name) ?? [];
    return reportOf({ verb, target: target.name, checkpoint, plan, report, masters: taken, options });
  } finally {
    for (const each of [...opened].reverse()) await each.close();
  }
}

/** The Trainer resumes a model, or adapters with what was trained of their base. */
function formOf(target: string, { adapters }: Carried): BaseForm {
  if (target === "trainer") return adapters.length > 0 ? "moved" : "whole";
  return forms[target] ?? "whole";
}

/** What a target has a place for beyond base and adapters; the trainer's state only if it has one for some of it. */
function heldBy({ name, unplaced }: Layout, { trainer }: Checkpoint): Pick<CarryOptions, "holds" | "unheld"> {
  if (unplaced !== undefined) {
    const unheld = trainer === undefined ? [] : unplaced(trainer);
    const holdsSome = unheld.length < (trainer?.documents.size ?? 1);
    return { holds: holdsSome ? ["optimizer", "trainer"] : ["optimizer"], unheld };
  }
  if (name === "tenon" || forms[name] === undefined) return { holds: ["optimizer", "masters", "trainer"] };
  const held = documents[name];
  if (held === undefined) return { holds: [] };
  const names = [...(trainer?.documents.keys() ?? [])];
  return { holds: names.every((each) => held.test(each)) ? ["optimizer", "trainer"] : ["optimizer"] };
}

function planOf(
  options: Parameters<typeof planConvert>[1],
  input: Parameters<typeof planConvert>[0],
): ConversionPlan {
  return options.verb === "split" ? planSplit(input) : planConvert(input, options);
}

async function openBelow(
  host: Host,
  source: Source,
  options: ConversionOptions,
  opened: Checkpoint[],
): Promise<BaseBelow> {
  const base = await openBase(host, source, options);
  opened.push(base);
  const { base: _, ...others } = options;
  const under = await baseLayersOf(host, base, others);
  opened.push(...under.opened);
  return { location: base.location, layers: under.layers };
}

/** The base that a delta names, where a target needs the whole. */
async function followed(
  host: Host,
  checkpoint: Checkpoint,
  options: ConversionOptions,
  opened: Checkpoint[],
): Promise<BaseBelow | undefined> {
  const under = await baseLayersOf(host, checkpoint, options);
  opened.push(...under.opened);
  const layers = under.layers.slice(0, -1);
  const location = checkpoint.base?.reference?.location;
  return layers.length === 0 || location === undefined ? undefined : { location, layers };
}

function originOf(verb: string, { location, layout }: Checkpoint): ConversionPlan["draft"]["origin"] {
  return { verb, location, layout, tools: { tenon: tenonVersion } };
}
