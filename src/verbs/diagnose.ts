import {
  type Checkpoint,
  type Finding,
  isTenonError,
  type Observation,
  type TenonError,
  UsageError,
} from "../core/index.ts";
import {
  findingsOf,
  isHealthy,
  observeDtypes,
  observeFit,
  observeNothing,
  refineRanks,
  refineStrangers,
} from "../doctor/index.ts";
import { openBase } from "./base-source.ts";
import { pathsUntold } from "./derived-configs.ts";
import { observeBits } from "./diagnose-bits.ts";
import { observeTrainingState } from "./diagnose-training.ts";
import type { Host, Source } from "./host.ts";
import { configNearby } from "./nearby-config.ts";
import { type OpenSourceOptions, openSource } from "./open.ts";
import type { ReadOptions, RunOptions } from "./options.ts";

export interface DiagnoseOptions extends ReadOptions, RunOptions {
  /** The model that it was trained on: names, shapes and bits are compared with it. */
  readonly base?: Source;
  /** Adapters that may have been merged into the source already. They need `base`. */
  readonly adapters?: readonly Source[];
  /** `false` looks at metadata only: no NaN is counted and nothing is compared. Default true. */
  readonly reads?: boolean;
  /** Where `adapterConfig` was read from: remedies name it. */
  readonly adapterConfigPath?: string;
}

export interface Diagnosis {
  readonly source: string;
  readonly base?: string;
  /** Absent when the source could not be opened. */
  readonly layout?: string;
  readonly evidence: readonly string[];
  /** The gravest first. */
  readonly findings: readonly Finding[];
  /** Nothing but notes. */
  readonly isHealthy: boolean;
  /** What was read whole. */
  readonly read: { readonly tensors: number; readonly bytes: number };
}

/** A diagnosis with the checkpoint that it is about; the caller closes both checkpoints. */
export interface Examination extends AsyncDisposable {
  readonly diagnosis: Diagnosis;
  /** What the findings were made of. */
  readonly observations: readonly Observation[];
  /** Absent when the source could not be opened. */
  readonly checkpoint?: Checkpoint;
  readonly base?: Checkpoint;
}

/** @see Tenon.diagnose */
export async function diagnose(
  host: Host,
  source: Source,
  options: DiagnoseOptions = {},
): Promise<Diagnosis> {
  await using examined = await examine(host, source, options);
  return examined.diagnosis;
}

/**
 * Opens and examines a source; damage becomes findings.
 * @throws UsageError TENON_DOCTOR_NEEDS_BASE and others, ResourceError, InterruptedError: what the source is not to blame for; and what is wrong with the base
 */
export async function examine(
  host: Host,
  source: Source,
  options: DiagnoseOptions = {},
): Promise<Examination> {
  if (options.base === undefined && (options.adapters ?? []).length > 0) throw baseWanted();
  const opened: Checkpoint[] = [];
  const dispose = async (): Promise<void> => {
    for (const checkpoint of [...opened].reverse()) await checkpoint.close();
  };
  try {
    const base = options.base === undefined ? undefined : await openBase(host, options.base, options);
    if (base !== undefined) opened.push(base);
    const adapters: Checkpoint[] = [];
    for (const adapter of options.adapters ?? []) {
      adapters.push(await openSource(host, adapter, { ...reading(options), ...namesOf(base) }));
      opened.push(...adapters.slice(-1));
    }
    const observations: Observation[] = [];
    const report = (observation: Observation): void => void observations.push(observation);
    let checkpoint: Checkpoint | undefined;
    let read = { tensors: 0, bytes: 0 };
    const errors: TenonError[] = [];
    try {
      checkpoint = await openSource(host, source, { ...options, ...namesOf(base), report });
      opened.push(checkpoint);
      const damage = [...observations];
      observations.push(...refineRanks(checkpoint.observations, checkpoint.adapters));
      observations.push(...observeDtypes(checkpoint));
      if (observations.length === 0) observations.push(...observeNothing(checkpoint));
      if (base?.base !== undefined) {
        const given = { location: base.location, base: base.base };
        observations.push(...observeFit(checkpoint, given));
        observations.splice(0, observations.length, ...refineStrangers(observations, checkpoint, given));
      }
      if (options.reads !== false) {
        const bits = await observeBits(host, { checkpoint, base, adapters, damage, observations }, options);
        observations.splice(0, observations.length, ...bits.observations);
        read = bits.read;
        observations.push(...(await observeTrainingState(checkpoint, options.signal)));
      }
    } catch (error) {
      if (!isTenonError(error) || !isOfTheSource(error)) throw error;
      errors.push(error);
    }
    const location = checkpoint?.location ?? nameOf(source);
    const subject = { source: location, ...(base && { base: base.location }) };
    const adapterConfig = checkpoint && (await configNearby(host, source, checkpoint));
    const flags = flagsOf(options, observations, adapterConfig);
    const needsConfig = checkpoint !== undefined && isConfigNeeded(checkpoint, base);
    const known = { flags, needsConfig, ...(adapterConfig !== undefined && { adapterConfig }) };
    const findings = findingsOf({ ...subject, ...known, observations, errors });
    const diagnosis = {
      ...subject,
      ...(checkpoint && { layout: checkpoint.layout }),
      evidence: checkpoint?.evidence ?? [],
      findings,
      isHealthy: isHealthy(findings),
      read,
    };
    return {
      diagnosis,
      observations,
      ...(checkpoint && { checkpoint }),
      ...(base && { base }),
      [Symbol.asyncDispose]: dispose,
    };
  } catch (error) {
    await dispose();
    throw error;
  }
}

function baseWanted(): UsageError {
  const message = "doctor: adapters are looked for in the weights against the base, and none is given";
  return new UsageError("TENON_DOCTOR_NEEDS_BASE", message, {
    hint: "Give the model that it was trained from, --base DIR, or leave out the adapters.",
  });
}

/** Options that describe the source are not for what lies beside it. */
function reading({ formats, layouts, signal }: DiagnoseOptions): ReadOptions {
  return { ...(formats && { formats }), ...(layouts && { layouts }), ...(signal && { signal }) };
}

/** What the next command has to be told again. */
function flagsOf(
  { layout, adapterConfig, adapterConfigPath, alpha }: DiagnoseOptions,
  observations: readonly Observation[],
  found: string | undefined,
): string[] {
  const lacksConfig = observations.some(({ code }) => code === "TENON_ADAPTER_CONFIG_MISSING");
  return [
    ...(layout === undefined ? [] : [`--layout ${layout}`]),
    ...(adapterConfig !== undefined || lacksConfig
      ? [`--adapter-config ${adapterConfigPath ?? found ?? "FILE"}`]
      : []),
    ...(adapterConfig === undefined && alpha !== undefined ? [`--alpha ${alpha}`] : []),
  ];
}

/** Whether alpha alone would not do in the place of a config. */
function isConfigNeeded(checkpoint: Checkpoint, base: Checkpoint | undefined): boolean {
  const { knownBaseNames } = namesOf(base);
  const lacking = [...checkpoint.adapters.values()].filter(({ config }) => config === undefined);
  return lacking.some(({ name }) => pathsUntold(checkpoint, name, knownBaseNames).length > 0);
}

function namesOf(base: Checkpoint | undefined): Pick<OpenSourceOptions, "knownBaseNames" | "knownBase"> {
  return base?.base === undefined
    ? {}
    : {
        knownBaseNames: new Set([...base.base.tensors.keys(), ...base.base.ties.keys()]),
        knownBase: base.base,
      };
}

/** Damage and what tenon does not read are findings; a missing path, a full disk or Ctrl-C are not. */
function isOfTheSource({ exitCode, code }: TenonError): boolean {
  return (exitCode === 3 || exitCode === 4) && code !== "TENON_INTERRUPTED";
}

function nameOf(source: Source): string {
  if (typeof source === "string") return source;
  return "location" in source ? source.location : "the source";
}
