import { type BaseComponent, type DraftAdapter, type DraftBase, PlanError } from "../core/index.ts";
import { overlayBases } from "./base.ts";
import { type BaseBits, deltaBase, movedParameters, recipesOf, wholeBase } from "./base-delta.ts";
import { refuseMisfits } from "./carry-fit.ts";
import { refuseLostBase } from "./carry-lost.ts";
import { refuseMerged } from "./carry-merged.ts";
import type { ConversionInput, ConversionOptions, ConversionPlan } from "./conversion-input.ts";
import type { Components } from "./drops.ts";
import { foldInto } from "./fold.ts";
import { namedReference } from "./reference.ts";

const noBits: BaseBits = { same: new Set(), digests: new Map() };

/**
 * Plans the same components in another layout. No value changes; what the target cannot hold is an error.
 * @throws PlanError TENON_BASE_NOT_WHOLE, TENON_BASE_NAME_UNKNOWN, TENON_BASE_SHAPE_MISMATCH, TENON_BASE_UNNAMED,
 *   TENON_BASE_LORA_LEFT, TENON_ADAPTER_NOT_IN_BASE, TENON_BASE_CARRIED_TWICE, TENON_MODEL_CONFIG_MISSING,
 *   TENON_TRAINED_BASE_LOST
 */
export function planConvert(input: ConversionInput, options: ConversionOptions): ConversionPlan {
  const { carried, below, bits = noBits, source } = input;
  refuseMerged(input, options.verb);
  if (below !== undefined) refuseMisfits(source, carried, below, options.verb);
  // The tenon layout keeps things as they were found.
  if (options.target !== "tenon") refuseLostBase(input, options.verb);
  const base = baseFor(input, options, bits);
  const adapters = carried.adapters.map(({ name, config, parameters }) => ({ name, config, parameters }));
  const isLive = foldsInto(options.target) && base?.isComplete === true;
  const {
    base: own,
    adapters: rest,
    folded,
  } = isLive
    ? foldInto(base, carried.adapters, input.tiedCopies ?? new Set(), options.verb)
    : { base, adapters: adapters as readonly DraftAdapter[], folded: [] };
  if (options.target === "hf" && own?.isComplete === true && rest.length === 0 && own.config === undefined)
    throw noModelConfig(source, options.verb);
  const { optimizer, trainer } = carried;
  return {
    draft: {
      ...(own && { base: own }),
      adapters: rest,
      ...(optimizer && { optimizer }),
      ...(trainer && { trainer }),
      companions: input.companions,
      origin: input.origin,
    },
    folded,
  };
}

/** Whether a target has the names of a live model, in which an adapter's biases and embeddings are the base's own. */
export function foldsInto(target: string): boolean {
  return ["state-dict", "dcp", "universal"].includes(target);
}

function baseFor(
  { source, carried, below }: ConversionInput,
  { verb, form }: ConversionOptions,
  bits: BaseBits,
): DraftBase | undefined {
  const own = carried.base === undefined ? undefined : { label: source.location, base: carried.base };
  if (below === undefined) {
    if (own === undefined) return undefined;
    if (own.base.isComplete || form !== "delta") return draftOf(own.base);
    const reference = own.base.reference ?? namedReference(carried.adapters);
    if (reference === undefined) throw unnamedBase(own.base, source, verb);
    return { ...draftOf(own.base), reference };
  }
  if (form === "delta") return deltaBase(own?.base, below, bits);
  const all = overlayBases([...below.layers, ...(own === undefined ? [] : [own])]);
  if (all === undefined) return undefined;
  if (form === "whole") return draftOf(all);
  const moved = new Map(movedParameters(own?.base, wholeBase(below.location, below.layers), bits));
  // What was trained goes with its moments, though a step may have changed no bit of it.
  for (const name of carried.optimizer?.states.keys() ?? []) {
    const tensor = all.tensors.get(name);
    if (tensor !== undefined) moved.set(name, tensor);
  }
  return { tensors: recipesOf(moved), isComplete: false, ties: new Map() };
}

function draftOf({
  tensors,
  config,
  isComplete,
  ties,
  shards,
  reference,
}: Pick<BaseComponent, "tensors" | "config" | "isComplete" | "ties" | "shards" | "reference">): DraftBase {
  return {
    tensors: recipesOf(tensors),
    isComplete,
    ties,
    shards,
    ...(config && { config }),
    ...(reference && { reference }),
  };
}

function unnamedBase({ tensors }: BaseComponent, { location }: Components, verb: string): PlanError {
  const message = `${verb}: ${tensors.size} base parameters are stored, and nothing says which base they stand on (${location})`;
  return new PlanError("TENON_BASE_UNNAMED", message, {
    details: { tensors: tensors.size, source: location },
    hint: "Give it: --base DIR",
  });
}

function noModelConfig({ location }: Components, verb: string): PlanError {
  const message = `${verb}: a transformers directory needs config.json, and the source has none (${location})`;
  return new PlanError("TENON_MODEL_CONFIG_MISSING", message, {
    details: { source: location },
    hint: "Give the model it was trained from, --base DIR, or write the layout state-dict.",
  });
}
