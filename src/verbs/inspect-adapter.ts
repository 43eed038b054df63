import { type LoraConfig, parseLoraConfig, resolveRankAndAlpha, scalingOf } from "../adapters/index.ts";
import { type AdapterComponent, type AdapterModule, isTenonError } from "../core/index.ts";
import type { AdapterInspection, ModuleSetting } from "./inspection.ts";
import { tally, totalsOf } from "./tensor-totals.ts";

/** What one adapter is. A config that cannot be used is told, not thrown: to inspect is to look at it. */
export function inspectAdapter(adapter: AdapterComponent): AdapterInspection {
  const { name, config, configFrom, modules, replacements, tokenDeltas, entries } = adapter;
  const reading = readConfig(adapter);
  const { lora } = reading;
  const initial = lora?.initLoraWeights;
  const text = (key: string): string | null => {
    const value = config?.[key];
    return typeof value === "string" ? value : null;
  };
  return {
    name,
    configFrom: configFrom ?? null,
    type: text("peft_type"),
    problem: reading.problem,
    baseModel: text("base_model_name_or_path"),
    ranks: settings(reading.settings.map(({ loraRank }) => loraRank)),
    scalings:
      lora === undefined
        ? null
        : settings(reading.settings.flatMap(({ scaling }) => (scaling === undefined ? [] : [scaling]))),
    loraAlpha: lora?.loraAlpha ?? null,
    useRslora: lora?.useRslora ?? false,
    useDora: lora?.useDora ?? [...modules.values()].some(({ magnitude }) => magnitude !== undefined),
    hasLoraBias: lora?.hasLoraBias ?? [...modules.values()].some(({ loraBias }) => loraBias !== undefined),
    initialisation: typeof initial === "string" && initial !== "gaussian" ? initial : null,
    modules: modules.size,
    targets: tally([...modules.values()].map(({ path }) => path.slice(path.lastIndexOf(".") + 1))).map(
      ([target, count]) => ({ name: target, modules: count }),
    ),
    replaced: tally(replacements.map(({ kind }) => kind)).map(([kind, count]) => ({
      kind,
      count,
      names: replacements
        .filter((replacement) => replacement.kind === kind)
        .map(({ parameter }) => parameter),
    })),
    tokenRows: [...tokenDeltas].map(([module, { shape }]) => ({ module, rows: shape[0] ?? 0 })),
    ...totalsOf(entries.map(({ tensor }) => tensor)),
  };
}

interface ConfigReading {
  readonly lora: LoraConfig | undefined;
  readonly problem: AdapterInspection["problem"];
  readonly settings: readonly { readonly loraRank: number; readonly scaling?: number }[];
}

function readConfig({ config, configFrom, modules }: AdapterComponent): ConfigReading {
  const stored = [...modules.values()].map((module) => ({ loraRank: storedRank(module) }));
  if (config === undefined) return { lora: undefined, problem: null, settings: stored };
  try {
    const lora = parseLoraConfig(config, configFrom ?? "adapter_config.json");
    const settings = [...modules.values()].map((module) => {
      const key = scalingKey(module);
      return { loraRank: resolveRankAndAlpha(lora, key).loraRank, scaling: scalingOf(lora, key) };
    });
    return { lora, problem: null, settings };
  } catch (error) {
    if (!isTenonError(error)) throw error;
    const { code, message } = error;
    return { lora: undefined, problem: { code, message }, settings: stored };
  }
}

/** The rank that the factors have; without a config, experts that share a tensor cannot be told from a large rank. */
function storedRank({ loraA, loraEmbeddingA }: AdapterModule): number {
  return (loraA ?? loraEmbeddingA)?.shape[0] ?? 0;
}

/** A wrapped `out_proj` of MultiheadAttention goes by the attention's own path. */
function scalingKey({ path, nesting }: AdapterModule): string {
  return nesting === 1 && path.endsWith(".out_proj") ? path.slice(0, -".out_proj".length) : path;
}

function settings(values: readonly number[]): ModuleSetting[] {
  return tally(values).map(([value, modules]) => ({ value, modules }));
}
