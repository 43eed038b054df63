import { canonicalName } from "../adapters/index.ts";
import type { Checkpoint, Entry, OptimizerComponent, TrainerComponent } from "../core/index.ts";
import { openBase } from "./base-source.ts";
import type { Host, Source } from "./host.ts";
import { inspectAdapter } from "./inspect-adapter.ts";
import { inspectMoved } from "./inspect-moved.ts";
import { observed } from "./inspect-observations.ts";
import type { BaseInspection, Inspection, OptimizerInspection, TensorInspection } from "./inspection.ts";
import { openSource } from "./open.ts";
import type { ReadOptions, RunOptions } from "./options.ts";
import { kindsOf, totalsOf } from "./tensor-totals.ts";

export interface InspectOptions extends ReadOptions, RunOptions {
  /** Compare with this base, bit for bit: what was trained shows. Reads both; without it, metadata only. */
  readonly base?: Source;
  /** List every stored tensor. */
  readonly tensors?: boolean;
}

/** Says what a checkpoint is. @throws as {@link openSource}; with `base` what {@link openBase} and reading throw */
export async function inspect(host: Host, source: Source, options: InspectOptions = {}): Promise<Inspection> {
  if (options.base === undefined) {
    await using checkpoint = await openSource(host, source, options);
    return inspectCheckpoint(checkpoint, options.tensors === true);
  }
  await using base = await openBase(host, options.base, options);
  const knownBaseNames = new Set(base.base?.tensors.keys());
  await using checkpoint = await openSource(host, source, {
    ...options,
    knownBaseNames,
    ...(base.base && { knownBase: base.base }),
  });
  const inspection = inspectCheckpoint(checkpoint, options.tensors === true);
  return { ...inspection, moved: await inspectMoved(host, checkpoint, base, options) };
}

function inspectCheckpoint(checkpoint: Checkpoint, listsTensors: boolean): Inspection {
  const { location, layout, evidence, files, companions, adapters, optimizer, trainer, entries } = checkpoint;
  return {
    location,
    layout,
    evidence,
    files: { count: files.length, bytes: files.reduce((sum, { byteLength }) => sum + byteLength, 0) },
    companions: companions.map(({ path }) => path),
    base: baseInspection(checkpoint),
    adapters: [...adapters.values()].map(inspectAdapter),
    optimizer: optimizer === undefined ? null : optimizerInspection(optimizer),
    trainer: trainer === undefined ? null : trainerInspection(trainer),
    others: others(entries),
    observations: observed(checkpoint.observations),
    ...(listsTensors && { tensors: entries.map(tensorInspection) }),
  };
}

function baseInspection({ base }: Checkpoint): BaseInspection | null {
  if (base === undefined) return null;
  const modelType = base.config?.["model_type"];
  return {
    ...totalsOf(base.tensors.values()),
    isComplete: base.isComplete,
    modelType: typeof modelType === "string" ? modelType : null,
    ties: [...base.ties].map(([alias, owner]) => ({ alias, owner })),
    reference: base.reference?.location ?? null,
    shards: base.shards.size,
    kinds: kindsOf(base.tensors),
  };
}

function optimizerInspection({ file, states, groups }: OptimizerComponent): OptimizerInspection {
  const counts = new Map<string, number>();
  let bytes = 0;
  for (const state of states.values())
    for (const [name, { byteLength }] of state) {
      counts.set(name, (counts.get(name) ?? 0) + 1);
      bytes += byteLength;
    }
  return {
    file,
    states: states.size,
    bytes,
    stateNames: [...counts].map(([name, count]) => ({ name, count })),
    groups: groups.map(({ parameters, settings }) => ({ parameters: parameters.length, settings })),
  };
}

function trainerInspection({ documents }: TrainerComponent): NonNullable<Inspection["trainer"]> {
  // Trainer, DeepSpeed and tenon's own trainer.json spell it in three ways.
  const first = (...keys: readonly string[]): number | null => {
    for (const document of documents.values())
      for (const key of keys) {
        const value = document[key];
        if (typeof value === "number") return value;
      }
    return null;
  };
  return {
    documents: [...documents.keys()],
    step: first("global_step", "global_steps", "step"),
    epoch: first("epoch"),
  };
}

const rolesOfComponents: ReadonlySet<string> = new Set([
  "plain", "baseLayer", "loraA", "loraB", "loraEmbeddingA", "loraEmbeddingB", "magnitude", "loraBias", "loraDiag",
  "modulesToSave", "originalModule", "tokenBase", "tokenDelta",
]); // biome-ignore format: one list

function others(entries: readonly Entry[]): Inspection["others"] {
  const names = new Map<string, string[]>();
  for (const { tensor, meaning } of entries) {
    if (rolesOfComponents.has(meaning.role)) continue;
    const known = names.get(meaning.role);
    if (known === undefined) names.set(meaning.role, [tensor.name]);
    else known.push(tensor.name);
  }
  return [...names].map(([role, all]) => ({ role, count: all.length, names: all }));
}

function tensorInspection({ tensor, meaning }: Entry): TensorInspection {
  const { name, dtype, shape, byteLength, file } = tensor;
  return {
    name,
    role: meaning.role,
    canonicalName: canonicalName(meaning),
    dtype,
    shape,
    bytes: byteLength,
    file,
  };
}
