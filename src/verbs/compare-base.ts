import type { BaseComponent, Checkpoint, TensorMeta } from "../core/index.ts";
import { digestText, type InspectTask } from "../execute/index.ts";
import {
  type BaseBelow,
  type BaseBits,
  type BaseForm,
  type BitQuestion,
  type Carried,
  type Components,
  foldsInto,
  mergedSuspects,
  type OverlaidBase,
  questionsAgainst,
  questionsOfFold,
  questionsOfTies,
  wholeBase,
  withTies,
} from "../plan/index.ts";
import { inspect } from "./bits.ts";
import type { Host } from "./host.ts";
import type { RunOptions } from "./options.ts";

export interface ComparisonFacts {
  readonly source: Components;
  readonly carried: Carried;
  readonly target: string;
  readonly form: BaseForm;
  readonly below?: BaseBelow;
}

export interface Compared {
  /** What goes along, ties that were stored twice being one again. */
  readonly carried: Carried;
  readonly bits: BaseBits;
  readonly tiedCopies: ReadonlySet<string>;
}

/**
 * Reads what a plan has to know about bits: which parameters are those of the base below, with digests of that base, and
 * which copies of tied weights are no more than that. Nothing is read where nothing has to be known.
 */
export async function compareWithBase(
  host: Host,
  { source, carried: given, target, form, below }: ComparisonFacts,
  sources: readonly Checkpoint[],
  options: RunOptions,
): Promise<Compared> {
  const whole = below && wholeBase(below.location, below.layers);
  const ties = whole?.ties ?? storedTwice(source);
  const twice = given.base === undefined ? [] : questionsOfTies(given.base, ties);
  const base = given.base && withTies(given.base, ties, await same(host, twice, sources, options));
  const carried = base === undefined ? given : { ...given, base };
  const tensors = new Map([...(whole?.tensors ?? []), ...(base?.tensors ?? [])]);
  const copies = foldsInto(target)
    ? questionsOfFold(carried.adapters, { tensors, ties: whole?.ties ?? base?.ties ?? new Map() })
    : [];
  const tiedCopies = await same(host, copies, sources, options);
  const isAsked = form !== "whole" || mergedSuspects({ source, carried }).length > 0;
  const bits = whole && isAsked ? await bitsAgainst(host, { base, whole, form }, sources, options) : noBits;
  return { carried, bits, tiedCopies };
}

const noBits: BaseBits = { same: new Set(), digests: new Map() };

interface Sides {
  readonly base: BaseComponent | undefined;
  readonly whole: OverlaidBase;
  readonly form: BaseForm;
}

async function bitsAgainst(
  host: Host,
  { base, whole, form }: Sides,
  sources: readonly Checkpoint[],
  options: RunOptions,
): Promise<BaseBits> {
  const questions = questionsAgainst(base, whole);
  const asked = new Set(questions.map(({ name }) => name));
  const others = form === "delta" ? [...whole.tensors].filter(([name]) => !asked.has(name)) : [];
  const tensors = others.map(([, tensor]) => tensor);
  const outcomes = await ask(host, questions, tensors, sources, options);
  const same = new Set<string>();
  const digests = new Map<string, string>();
  for (const [at, { digest, different }] of outcomes.entries()) {
    const name = questions[at]?.name ?? others[at - questions.length]?.[0] ?? "";
    if (at < questions.length && different > 0) continue;
    if (at < questions.length) same.add(name);
    digests.set(name, digestText(digest));
  }
  return { same, digests };
}

/** Names whose two tensors have the same bits. */
async function same(
  host: Host,
  questions: readonly BitQuestion[],
  sources: readonly Checkpoint[],
  options: RunOptions,
): Promise<ReadonlySet<string>> {
  const outcomes = await ask(host, questions, [], sources, options);
  return new Set(questions.filter((_, at) => outcomes[at]?.different === 0).map(({ name }) => name));
}

/** Ties that config.json asks for although both uses are stored: alias → owner. */
function storedTwice({ observations }: Components): Map<string, string> {
  const pairs = observations.filter(({ code }) => code === "TENON_TIE_STORED_TWICE");
  return new Map(pairs.map(({ names: [owner = "", alias = ""] }) => [alias, owner]));
}

async function ask(
  host: Host,
  questions: readonly BitQuestion[],
  digested: readonly TensorMeta[],
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
