import type { Checkpoint, Tensor } from "../core/index.ts";
import { digestText, type InspectTask } from "../execute/index.ts";
import {
  type BaseBelow,
  type BaseBits,
  type BaseForm,
  type BitQuestion,
  type Carried,
  mergedSuspects,
  questionsAgainst,
  questionsOfTies,
  wholeBase,
  withTies,
} from "../plan/index.ts";
import { inspect } from "./bits.ts";
import type { Host } from "./host.ts";
import type { RunOptions } from "./options.ts";

export interface ComparisonFacts {
  readonly source: Checkpoint;
  readonly carried: Carried;
  readonly form: BaseForm;
  readonly below?: BaseBelow;
}

/**
 * Reads what a plan has to know about bits: which parameters are those of the base below, with digests of that base, and
 * which tied weights are stored twice. Nothing is read where nothing has to be known.
 */
export async function compareWithBase(
  host: Host,
  { source, carried, form, below }: ComparisonFacts,
  sources: readonly Checkpoint[],
  options: RunOptions,
): Promise<{ readonly bits: BaseBits; readonly carried: Carried }> {
  const whole = below && wholeBase(below.location, below.layers);
  const ties = whole?.ties ?? storedTwice(source);
  const twice = carried.base === undefined ? [] : questionsOfTies(carried.base, ties);
  const sameTies = new Set<string>();
  for (const [at, outcome] of (await ask(host, twice, [], sources, options)).entries())
    if (outcome.different === 0) sameTies.add(twice[at]?.name ?? "");
  const base = carried.base && withTies(carried.base, ties, sameTies);
  const settled = base === undefined ? carried : { ...carried, base };
  const isAsked = form !== "whole" || mergedSuspects({ source, carried }).length > 0;
  if (whole === undefined || !isAsked)
    return { bits: { same: new Set(), digests: new Map() }, carried: settled };
  const questions = questionsAgainst(base, whole);
  const asked = new Set(questions.map(({ name }) => name));
  const others = form === "delta" ? [...whole.tensors].filter(([name]) => !asked.has(name)) : [];
  const outcomes = await ask(
    host,
    questions,
    others.map(([, tensor]) => tensor),
    sources,
    options,
  );
  const same = new Set<string>();
  const digests = new Map<string, string>();
  for (const [at, { digest, different }] of outcomes.entries()) {
    const name = questions[at]?.name ?? others[at - questions.length]?.[0] ?? "";
    if (at < questions.length && different > 0) continue;
    if (at < questions.length) same.add(name);
    digests.set(name, digestText(digest));
  }
  return { bits: { same, digests }, carried: settled };
}

/** Ties that config.json asks for although both uses are stored: alias → owner. */
function storedTwice({ observations }: Checkpoint): Map<string, string> {
  const pairs = observations.filter(({ code }) => code === "TENON_TIE_STORED_TWICE");
  return new Map(pairs.map(({ names: [owner = "", alias = ""] }) => [alias, owner]));
}

async function ask(
  host: Host,
  questions: readonly BitQuestion[],
  digested: readonly Tensor[],
  sources: readonly Checkpoint[],
  options: RunOptions,
): ReturnType<typeof inspect> {
  const tasks: InspectTask[] = [
    ...questions.map(
      ({ name, tensor, against }) => ({ kind: "inspect", name, tensor, against, scan: false }) as const,
    ),
    ...digested.map((tensor) => ({ kind: "inspect", name: tensor.name, tensor, scan: false }) as const),
  ];
  return tasks.length === 0 ? [] : inspect(host, tasks, sources, options, "compare");
}
