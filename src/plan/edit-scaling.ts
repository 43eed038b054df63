// Rank and alpha of an adapter whose rank changes, so that the scaling of each module stays what it was.
import { parseLoraConfig, resolveRankAndAlpha, scalingOf } from "../adapters/index.ts";
import { type JsonRecord, withFields } from "../core/index.ts";
import { scalingLost } from "./edit-refusals.ts";
import type { EditState } from "./edit-state.ts";

/**
 * An adapter_config.json in which every module has one rank, and an alpha with which its scaling is what it was: α·r'/r, or
 * α·√(r'/r) with rsLoRA. Where no double gives the same scaling, the nearest that is the same in f32, in which it is used.
 * @param modules path of each module → the rank that its tensors have now
 * @throws PlanError TENON_EDIT_RANK_SCALING; the errors of configs and their patterns
 */
export function configWithRank(
  state: EditState,
  adapter: { readonly name: string; readonly config: JsonRecord },
  modules: ReadonlyMap<string, number>,
  loraRank: number,
): { readonly config: JsonRecord; readonly alphas: readonly number[] } {
  const { name } = adapter;
  if (Object.keys(adapter.config).length === 0) throw scalingLost(name, "no config says its alpha", state);
  const config = parseLoraConfig(adapter.config, `adapter ${name}`);
  const alphas = new Map<string, number>();
  for (const [path, rank] of modules) {
    const stated = resolveRankAndAlpha(config, path).loraRank;
    if (stated !== rank)
      throw scalingLost(
        name,
        `the config says rank ${stated} for ${path}, whose tensors have ${rank}`,
        state,
      );
    const divisor = config.useRslora ? Math.sqrt(loraRank) : loraRank;
    const alpha = alphaFor(scalingOf(config, path), divisor);
    if (alpha === undefined)
      throw scalingLost(name, `no alpha gives ${path} the same at rank ${loraRank}`, state);
    alphas.set(path, alpha);
  }
  const counts = new Map<number, number>();
  for (const alpha of alphas.values()) counts.set(alpha, (counts.get(alpha) ?? 0) + 1);
  const common = [...counts].sort(([a, n], [b, m]) => m - n || a - b)[0]?.[0] ?? config.loraAlpha;
  const others = [...alphas].filter(([, alpha]) => alpha !== common);
  const changed = withFields(adapter.config, {
    // PEFT refuses it for odd ranks, though what it drew is overwritten as the adapter is loaded.
    ...(config.initLoraWeights === "orthogonal" && { init_lora_weights: true }),
    r: loraRank,
    lora_alpha: common,
    rank_pattern: {},
    alpha_pattern: Object.fromEntries(others.map(([path, alpha]) => [`^${escaped(path)}`, alpha])),
  });
  return { config: changed, alphas: [...counts.keys()].sort((a, b) => a - b) };
}

/** The alpha with which alpha / divisor is a scaling: in f64 as Python divides, or at least in f32. */
export function alphaFor(scaling: number, divisor: number): number | undefined {
  const near = neighbours(scaling * divisor);
  return (
    near.find((alpha) => alpha / divisor === scaling) ??
    near.find((alpha) => Math.fround(alpha / divisor) === Math.fround(scaling))
  );
}

/** A double and those beside it, the whole number next to it first. */
function neighbours(value: number): number[] {
  const unit = 2 ** (Math.floor(Math.log2(Math.abs(value) || 1)) - 52);
  return [Math.round(value), ...[0, 1, -1, 2, -2].map((steps) => value + steps * unit)];
}

/** PEFT runs the keys of patterns as regular expressions. */
function escaped(path: string): string {
  return path.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
}
