import type { Checkpoint, Draft, Observation } from "../core/index.ts";
import type { ConversionPlan, Explanation } from "../plan/index.ts";
import type { WriteOptions } from "./options.ts";
import type { DraftReport, OutputFileFacts } from "./write-draft.ts";

/** What split, convert and edit did. Plain data. */
export interface ConversionReport {
  readonly verb: "split" | "convert" | "edit";
  /** Where the output is, or would be. */
  readonly output: string;
  /** Layout of the output. */
  readonly layout: string;
  readonly source: { readonly location: string; readonly layout: string };
  /** Null: the output has no base parameters and refers to none. */
  readonly base: {
    /** Tensors that are stored. */
    readonly tensors: number;
    readonly bytes: number;
    readonly isComplete: boolean;
    readonly hasConfig: boolean;
    /** What an incomplete base stands on, and how many of its tensors are relied on by digest. */
    readonly reference: { readonly location: string; readonly relied: number } | null;
  } | null;
  readonly adapters: readonly {
    readonly name: string;
    readonly tensors: number;
    /** Without a config alpha is not known, and merging refuses. */
    readonly hasConfig: boolean;
  }[];
  /** Parameters with optimizer state in the output. */
  readonly optimizerStates: number;
  /** Documents of the trainer in the output. */
  readonly trainerDocuments: readonly string[];
  /** Parameters whose fp32 master was written as the weight, by canonical name. */
  readonly masters: readonly string[];
  /** What was left out as asked for. */
  readonly dropped: readonly string[];
  /** Parameters that an adapter carried and that are now the base's own, because the target has one place for both. */
  readonly folded: readonly string[];
  /** Files of the source that the output does not carry and that hold no tensor of it: a model card, random states. */
  readonly left: readonly string[];
  /** What reading noticed; tenon doctor explains it. */
  readonly observations: readonly Observation[];
  /** What whoever loads the output must know, one sentence each: what the engine it is for does not restore. */
  readonly advice: readonly string[];
  readonly explanation: Explanation;
  /** Absent after a dry run. */
  readonly files?: readonly OutputFileFacts[];
}

interface Done {
  readonly verb: ConversionReport["verb"];
  readonly target: string;
  readonly checkpoint: Checkpoint;
  readonly plan: ConversionPlan;
  readonly report: DraftReport;
  readonly masters: readonly string[];
  readonly options: WriteOptions;
}

export function reportOf(done: Done): ConversionReport {
  const { verb, target, checkpoint, plan, report, masters, options } = done;
  const { draft, folded } = plan;
  const { location, layout } = checkpoint;
  return {
    verb,
    output: typeof options.output === "string" ? options.output : options.output.location,
    layout: target,
    source: { location, layout },
    base: baseFacts(draft),
    adapters: draft.adapters.map(({ name, parameters, config }) => ({
      name,
      tensors: parameters.length,
      hasConfig: Object.keys(config).length > 0,
    })),
    optimizerStates: draft.optimizer?.states.size ?? 0,
    trainerDocuments: [...(draft.trainer?.documents.keys() ?? [])],
    masters,
    dropped: options.drop ?? [],
    folded,
    left: filesLeft(checkpoint),
    observations: checkpoint.observations,
    advice: report.advice,
    explanation: report.explanation,
    ...(report.written && { files: report.written.files }),
  };
}

function baseFacts({ base }: Draft): ConversionReport["base"] {
  if (base === undefined) return null;
  const { tensors, isComplete, config, reference } = base;
  return {
    tensors: tensors.size,
    bytes: [...tensors.values()].reduce((sum, { source }) => sum + source.byteLength, 0),
    isComplete,
    hasConfig: config !== undefined,
    reference: reference ? { location: reference.location, relied: reference.digests.size } : null,
  };
}

/** Documents that the components were read from. */
const readAlong =
  /(?:^|\/)(?:(?:config|adapter_config|tenon|.+\.index)\.json|optimizer\/optimizer\.json|trainer\/trainer\.json|base\/delta\.safetensors|__\d+_\d+\.distcp|shard-\d{5}-model-\d{5}-of-\d{5}\.safetensors)$/;
/** Files of DeepSpeed's workers: each tensor lies in those of all of them. */
const workersFiles =
  /(?:^|\/)(?:latest|(?:bf16_|fp16_)?(?:zero_pp_rank_\d+_)?mp_rank_\d+_?(?:model|optim)_states\.pt)$/;

function filesLeft({ layout, files, entries, companions, optimizer, trainer }: Checkpoint): string[] {
  const read = new Set([
    ...entries.map(({ tensor }) => tensor.file),
    ...companions.map(({ path }) => path),
    ...(trainer?.documents.keys() ?? []),
    ...(optimizer === undefined ? [] : [optimizer.file]),
  ]);
  const isRead = (path: string): boolean =>
    read.has(path) || readAlong.test(path) || (layout === "zero" && workersFiles.test(path));
  return files.map(({ path }) => path).filter((path) => !isRead(path));
}
