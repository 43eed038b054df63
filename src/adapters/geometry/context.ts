import type { AdapterModule, JsonRecord, Step, TensorMeta } from "../../core/index.ts";
import type { LoraConfig } from "../config/lora-config.ts";
import { resolveRankAndAlpha, scalingOf } from "../scaling.ts";
import { pairIncomplete, rankMismatch, targetNotFound } from "./refusals.ts";

/** What is needed to lay an adapter over a base. */
export interface GeometryContext {
  readonly adapter: string;
  readonly config: LoraConfig;
  /** Every low-rank module of the adapter: nesting is read off its neighbours. */
  readonly modules: ReadonlyMap<string, AdapterModule>;
  /** Canonical name → tensor of the base. */
  readonly base: ReadonlyMap<string, TensorMeta>;
  /** Aliases of tied parameters → the name that is stored. */
  readonly ties?: ReadonlyMap<string, string>;
  /** Parsed config.json of the base: its `model_type` decides where shapes cannot. */
  readonly modelConfig?: JsonRecord;
  /** `twice` rounds every delta to the base's dtype before the sum, as PEFT's `safe_merge` does. Default `once`. */
  readonly rounding?: "once" | "twice";
}

/** One parameter of the base and what an adapter does to it, in order. */
export interface ParameterChange {
  /** Canonical name. */
  readonly parameter: string;
  /** The tensor that holds it; under a tie, the owner's. */
  readonly base: TensorMeta;
  readonly steps: readonly Step[];
}

/** The tensor of a parameter, through a tie if it is an alias. */
export function baseTensor(context: GeometryContext, parameter: string): TensorMeta | undefined {
  const owner = context.ties?.get(parameter) ?? parameter;
  return context.base.get(parameter) ?? context.base.get(owner);
}

/** @throws PlanError TENON_ADAPTER_TARGET_NOT_FOUND */
export function requireBase(context: GeometryContext, module: string, parameter: string): TensorMeta {
  const found = baseTensor(context, parameter);
  if (found === undefined) throw targetNotFound(context.adapter, module, [parameter]);
  return found;
}

export interface Pair {
  readonly a: TensorMeta;
  readonly b: TensorMeta;
}

/** @throws PlanError TENON_ADAPTER_PAIR_INCOMPLETE */
export function requirePair(context: GeometryContext, module: AdapterModule): Pair {
  const { loraA: a, loraB: b } = module;
  if (a === undefined) throw pairIncomplete(context.adapter, module.path, "lora_A");
  if (b === undefined) throw pairIncomplete(context.adapter, module.path, "lora_B");
  return { a, b };
}

/**
 * Scaling for a key, once the stored rank is the resolved one.
 * @throws PlanError TENON_ADAPTER_RANK_MISMATCH
 */
export function checkedScaling(
  context: GeometryContext,
  key: string,
  stored: number,
  tensor: TensorMeta,
): number {
  const { loraRank } = resolveRankAndAlpha(context.config, key);
  if (loraRank !== stored) throw rankMismatch(context.adapter, key, { stored, resolved: loraRank }, tensor);
  return scalingOf(context.config, key);
}

export function modelTypeOf(context: GeometryContext): string | undefined {
  const type = context.modelConfig?.["model_type"];
  return typeof type === "string" ? type : undefined;
}

/** A parameter that `target_parameters` names, as the live module has it: whole, whatever the base stores. */
export interface TargetedParameter {
  /** `<module>.<parameter>`: what rank and alpha are resolved for. */
  readonly key: string;
  readonly shape: readonly number[];
}
