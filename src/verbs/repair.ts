import { canonicalName } from "../adapters/index.ts";
import { type Checkpoint, type Finding, type Observation, PlanError } from "../core/index.ts";
import { hasStoredRanks, resizedRows } from "../doctor/index.ts";
import type { Explanation } from "../plan/index.ts";
import { type DiagnoseOptions, diagnose, type Examination, examine } from "./diagnose.ts";
import type { Host, Source } from "./host.ts";
import type { WriteOptions } from "./options.ts";
import { missingModules, repairComponents } from "./repair-components.ts";
import { planRepair } from "./repair-plan.ts";
import { type OutputFileFacts, writeDraft } from "./write-draft.ts";

export type RepairOptions = Omit<DiagnoseOptions, "reads"> & WriteOptions;

/** What a repair did. Plain data. */
export interface RepairReport {
  readonly source: string;
  /** Null: there was nothing to repair, and nothing was written. */
  readonly output: string | null;
  /** Layout of the output. */
  readonly layout: string | null;
  /** What was found and is put right. */
  readonly repaired: readonly Finding[];
  /** What was found and stays: warnings and notes. */
  readonly left: readonly Finding[];
  /** Components, parameters and files of an adapter stored twice that the output does not have. */
  readonly dropped: readonly string[];
  readonly explanation?: Explanation;
  /** Absent after a dry run. */
  readonly files?: readonly OutputFileFacts[];
  /** What the output shows, by its metadata. Absent where the output is no path. */
  readonly after?: readonly Finding[];
}

/** @see Tenon.repair */
export async function repair(host: Host, source: Source, options: RepairOptions): Promise<RepairReport> {
  await using examined = await examine(host, source, options);
  const { diagnosis, checkpoint, observations } = examined;
  const drop = options.drop ?? [];
  const blocking = diagnosis.findings.filter((finding) => isBlocking(finding, examined, drop));
  if (checkpoint === undefined || blocking.length > 0) throw refused(blocking, diagnosis.source);
  const repairable = diagnosis.findings.filter(
    ({ fixable, code }) => fixable || isGivenUp(code, examined, drop),
  );
  const left = diagnosis.findings.filter((finding) => !repairable.includes(finding));
  const facts = { source: diagnosis.source, repaired: repairable, left };
  if (repairable.length === 0) return { ...facts, output: null, layout: null, dropped: [] };

  const components = repairComponents({ checkpoint, observations, drop });
  const unsure = repairable.filter(({ code }) => isUnsure(code, components.checkpoint));
  if (unsure.length > 0) throw refused(unsure, diagnosis.source);
  const sources = [...(examined.base ? [examined.base] : []), checkpoint, components.checkpoint];
  const { plan, layout } = await planRepair(host, components, examined.base, sources, options);
  const { explanation, written } = await writeDraft(
    host,
    {
      draft: plan.draft,
      layout,
      sources,
      job: { accumulate: "muladd", digest: "none", prove: "none" },
      ...(options.formats && { formats: options.formats }),
      task: "repair",
    },
    options,
  );
  const { output, base } = options;
  const isPath = typeof output === "string";
  const again = { reads: false, ...(typeof base === "string" && { base }) };
  return {
    ...facts,
    output: isPath ? output : output.location,
    layout: layout.name,
    dropped: [...components.drop, ...filesPassedOver(observations)],
    explanation,
    ...(written && { files: written.files }),
    ...(written && isPath && { after: (await diagnose(host, output, again)).findings }),
  };
}

/** What keeps a repair from being one: errors that only a guess would put right. */
function isBlocking(finding: Finding, examined: Examination, drop: readonly string[]): boolean {
  const { code, severity, fixable } = finding;
  // A quantised base is left out, but not with weights that are known to have been trained.
  const isQuantised = examined.observations.some((one) => one.code === "TENON_NAMES_QUANTISED");
  if (code === "TENON_BASE_TRAINED") return isQuantised && !drop.includes("base");
  if (code === "TENON_EMBEDDING_RESIZED") return resizedRows(examined.observations) === "several";
  return severity === "error" && !fixable && !isGivenUp(code, examined, drop);
}

/** The files of an adapter that lies at the top as well. */
function filesPassedOver(observations: readonly Observation[]): string[] {
  return observations
    .filter(({ code }) => code === "TENON_ADAPTER_STORED_TWICE")
    .flatMap(({ names, facts }) => names.filter((name) => name !== facts?.["used"]));
}

/** Ranks that no `rank_pattern` of full paths gives: those of target parameters, and patterns that cannot be run. */
function isUnsure(code: string, { adapters }: Checkpoint): boolean {
  if (code !== "TENON_ADAPTER_RANK_MISMATCH") return false;
  return [...adapters.values()].some(
    ({ config, modules }) => config !== undefined && !hasStoredRanks(config, modules.values()),
  );
}

/** Whether the caller leaves out everything that a finding is about. */
function isGivenUp(
  code: string,
  { checkpoint, observations }: Examination,
  drop: readonly string[],
): boolean {
  const own = observations.filter((one) => one.code === code);
  if (code === "TENON_ADAPTER_SAVED_MODULE_MISSING")
    return missingModules(observations, drop).length === own.flatMap(({ names }) => names).length;
  if (code !== "TENON_ADAPTER_PAIR_INCOMPLETE" || checkpoint === undefined) return false;
  return own.every((one) => one.names.every((name) => isDropped(name, one, checkpoint, drop)));
}

function isDropped(
  stored: string,
  { facts }: Observation,
  { adapters }: Checkpoint,
  drop: readonly string[],
): boolean {
  const adapter = String(facts?.["adapter"]);
  const entry = adapters.get(adapter)?.entries.find(({ tensor }) => tensor.name === stored);
  const canonical = entry && canonicalName({ ...entry.meaning, adapter });
  return drop.includes(stored) || (canonical !== undefined && drop.includes(canonical));
}

function refused(findings: readonly Finding[], source: string): PlanError {
  const codes = findings.map(({ code }) => code).join(", ");
  const number =
    findings.length === 1 ? "one finding needs a guess" : `${findings.length} findings need a guess`;
  return new PlanError("TENON_REPAIR_REFUSED", `doctor: ${number} to be repaired: ${codes} (${source})`, {
    details: {
      source,
      findings: findings.map(({ code, cause, remedy, evidence }) => ({ code, cause, remedy, evidence })),
    },
    hint: findings[0]?.remedy ?? "Copy or download the source again, whole.",
  });
}
