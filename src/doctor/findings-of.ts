import type { Finding, JsonRecord, Observation, TenonError } from "../core/index.ts";
import type { FindingKind } from "./finding-kind.ts";
import { findingKinds } from "./findings-table.ts";
import { remedyFor, type Subject } from "./remedy.ts";

export interface DoctorInput extends Subject {
  /** What reading noticed, what it stepped over, and what the doctor's own checks saw. */
  readonly observations: readonly Observation[];
  /** What ended a part of the examination. */
  readonly errors?: readonly TenonError[];
}

/** Names that a finding lists; the count is always whole. */
const namesListed = 10;
/** Facts of single observations that a finding lists. */
const factsListed = 10;

const order: readonly string[] = Object.keys(findingKinds);
const severities = ["error", "warning", "note"] as const;

/**
 * What is wrong, one finding a code, the gravest first. An observation whose code is not in the table is damage that a format
 * stepped over: an error with its own words.
 */
export function findingsOf(input: DoctorInput): readonly Finding[] {
  const byCode = new Map<string, Observation[]>();
  for (const observation of input.observations)
    byCode.set(observation.code, [...(byCode.get(observation.code) ?? []), observation]);
  const found = [...byCode].map(([code, observations]) => findingOf(code, observations, input));
  const thrown = (input.errors ?? []).filter(({ code }) => !byCode.has(code)).map(findingOfError);
  return [...thrown, ...found].sort(
    (one, other) =>
      severities.indexOf(one.severity) - severities.indexOf(other.severity) ||
      order.indexOf(one.code) - order.indexOf(other.code),
  );
}

/** Whether nothing is wrong: notes do not count. */
export function isHealthy(findings: readonly Finding[]): boolean {
  return findings.every(({ severity }) => severity === "note");
}

function findingKind(code: string): FindingKind | undefined {
  return Object.hasOwn(findingKinds, code) ? findingKinds[code] : undefined;
}

function findingOf(code: string, observations: readonly Observation[], subject: Subject): Finding {
  const kind = findingKind(code) ?? damageKind(observations);
  const names = [...new Set(observations.flatMap(namesOf))];
  const count = observations.reduce((sum, observation) => sum + countOf(observation), 0);
  const facts = factsOf(observations);
  return {
    code,
    severity: kind.severity,
    cause: kind.cause,
    evidence: { names: names.slice(0, namesListed), count, ...(facts && { facts }) },
    remedy: remedyFor(kind, subject, count > namesListed ? [] : names),
    fixable: kind.fixable,
  };
}

function damageKind([first]: readonly Observation[]): FindingKind {
  const message = first?.facts?.["message"];
  return {
    severity: "error",
    cause: typeof message === "string" ? message : "A part of the source could not be read.",
    remedy: "Copy or download the file again, whole.",
    fixable: false,
    detects: "damage",
  };
}

function findingOfError(error: TenonError): Finding {
  const kind = findingKind(error.code);
  const { path, file, tensor, shard } = error.details;
  const names = [path ?? file ?? shard ?? tensor].filter((name) => typeof name === "string");
  return {
    code: error.code,
    severity: "error",
    cause: kind?.cause ?? `${error.message}.`,
    evidence: { names, count: Math.max(1, names.length), facts: { message: error.message } },
    remedy: error.hint ?? kind?.remedy ?? "Copy or download the source again, whole.",
    fixable: false,
  };
}

/** What concerns a whole adapter names the adapter. */
function namesOf({ names, facts }: Observation): readonly string[] {
  const adapter = facts?.["adapter"];
  return names.length === 0 && typeof adapter === "string" ? [adapter] : names;
}

function countOf({ names, facts }: Observation): number {
  const count = facts?.["count"];
  return typeof count === "number" ? Math.max(count, 1) : Math.max(names.length, 1);
}

/** The facts of one observation as they are, of several as a list. */
function factsOf(observations: readonly Observation[]): JsonRecord | undefined {
  const all = observations.map(({ facts = {} }) =>
    Object.fromEntries(Object.entries(facts).filter(([key]) => key !== "count")),
  );
  const told = all.filter((facts) => Object.keys(facts).length > 0);
  if (told.length === 0) return undefined;
  return told.length === 1 ? told[0] : { each: told.slice(0, factsListed) };
}
