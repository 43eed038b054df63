// From what was found to components without it. Nothing is read; what cannot be decided without guessing stays as it is.
import type {
  AdapterComponent,
  AdapterModule,
  Checkpoint,
  Entry,
  JsonRecord,
  Observation,
  Tensor,
} from "../core/index.ts";
import { repairedAdapterConfig, repairedModelConfig } from "../doctor/index.ts";
import { TransposedTensor } from "../layouts/index.ts";

export interface RepairFacts {
  readonly checkpoint: Checkpoint;
  readonly observations: readonly Observation[];
  readonly drop: readonly string[];
}

/** Components to write, as a checkpoint whose files and observations are nobody's business any more. */
export interface RepairedComponents {
  readonly checkpoint: Checkpoint;
  /** What has to be left out for the repair: `adapters` that are merged, a quantised `base`, and what the caller gave up. */
  readonly drop: readonly string[];
}

/** @see RepairedComponents */
export function repairComponents({ checkpoint, observations, drop }: RepairFacts): RepairedComponents {
  const missing = missingModules(observations, drop);
  const turned = transposed(checkpoint, observations);
  const adapters = new Map(
    [...checkpoint.adapters].map(([name, adapter]) => {
      const whole = turned.size === 0 ? adapter : withTensors(adapter, turned);
      const config = repairedAdapterConfig(whole, observations, missing);
      return [name, config === undefined ? whole : { ...whole, config }] as const;
    }),
  );
  const { base } = checkpoint;
  const config: JsonRecord | undefined = base && repairedModelConfig(base, observations);
  const has = (code: string): boolean => observations.some((one) => one.code === code);
  const repaired = Object.create(checkpoint, {
    adapters: { value: adapters },
    entries: { value: entriesWith(checkpoint.entries, turned) },
    // A reader of these components need not be warned of what was put right.
    observations: { value: checkpoint.observations.filter(({ code }) => !settled.has(code)) },
    ...(base && config && { base: { value: { ...base, config } } }),
  }) as Checkpoint;
  return {
    checkpoint: repaired,
    drop: [
      ...drop.filter((name) => !missing.includes(name)),
      ...(has("TENON_MERGED_ALREADY") ? ["adapters"] : []),
      ...(has("TENON_NAMES_QUANTISED") && base !== undefined && !drop.includes("base") ? ["base"] : []),
    ],
  };
}

/** Decided by reading, or by the rule that the adapter at the top counts. */
const settled: ReadonlySet<string> = new Set(["TENON_BASE_LORA_LEFT", "TENON_ADAPTER_STORED_TWICE"]);

/** modules_to_save of which nothing is stored and which the caller drops. */
export function missingModules(observations: readonly Observation[], drop: readonly string[]): string[] {
  const missing = observations
    .filter(({ code }) => code === "TENON_ADAPTER_SAVED_MODULE_MISSING")
    .flatMap(({ names }) => names);
  return missing.filter((name) => drop.includes(name));
}

/** Id → the same factor the right way round. */
function transposed(
  { adapters }: Checkpoint,
  observations: readonly Observation[],
): ReadonlyMap<string, Tensor> {
  const turned = new Map<string, Tensor>();
  for (const { code, facts } of observations) {
    if (code !== "TENON_ADAPTER_TRANSPOSED") continue;
    const modules = adapters.get(String(facts?.["adapter"]))?.modules;
    const module = [...(modules?.values() ?? [])].find(({ path }) => path === facts?.["module"]);
    for (const tensor of module === undefined ? [] : factorsOf(module))
      turned.set(tensor.id, new TransposedTensor(tensor));
  }
  return turned;
}

function factorsOf({ loraA, loraB, loraEmbeddingA, loraEmbeddingB }: AdapterModule): Tensor[] {
  return [loraA, loraB, loraEmbeddingA, loraEmbeddingB].filter((tensor) => tensor !== undefined);
}

function withTensors(adapter: AdapterComponent, turned: ReadonlyMap<string, Tensor>): AdapterComponent {
  const modules = new Map(
    [...adapter.modules].map(([key, { path, nesting, ...tensors }]) => {
      const now = Object.entries(tensors).map(([role, tensor]) => [role, turned.get(tensor.id) ?? tensor]);
      return [key, { path, nesting, ...Object.fromEntries(now) } as AdapterModule] as const;
    }),
  );
  return { ...adapter, modules, entries: entriesWith(adapter.entries, turned) };
}

function entriesWith(entries: readonly Entry[], turned: ReadonlyMap<string, Tensor>): readonly Entry[] {
  if (turned.size === 0) return entries;
  return entries.map((entry) => ({ ...entry, tensor: turned.get(entry.tensor.id) ?? entry.tensor }));
}
