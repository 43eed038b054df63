import { isSingleExpert, liveNames } from "../adapters/index.ts";
import {
  type BaseComponent,
  type BaseReference,
  type JsonRecord,
  PlanError,
  sameShape,
  type Tensor,
} from "../core/index.ts";

/** A base of one source, and what messages call it. */
export interface BaseLayer {
  /** Location of the source. */
  readonly label: string;
  readonly base: BaseComponent;
}

/** Bases laid over each other. */
export interface OverlaidBase {
  readonly tensors: ReadonlyMap<string, Tensor>;
  /** Canonical name → label of the layer that its tensor comes from. */
  readonly from: ReadonlyMap<string, string>;
  /** Canonical names that a layer above the lowest brought, in its order. */
  readonly replaced: readonly string[];
  readonly config?: JsonRecord;
  readonly isComplete: boolean;
  readonly ties: ReadonlyMap<string, string>;
  readonly shards: ReadonlyMap<string, readonly string[]>;
  /** What the lowest layer stands on, if it is not complete and nothing was laid under it. */
  readonly reference?: BaseReference;
}

/**
 * Lays bases over each other: the lowest first; a tensor of a layer takes the place of the one below it. Config, ties and
 * sharding are the lowest's, for it is the whole model.
 * @throws PlanError TENON_BASE_NAME_UNKNOWN for a parameter that the whole base below does not have, TENON_BASE_EXPERTS where
 *   one of the two has experts fused and they do not fit, TENON_BASE_SHAPE_MISMATCH
 */
export function overlayBases(layers: readonly BaseLayer[]): OverlaidBase | undefined {
  const [lowest, ...above] = layers;
  if (lowest === undefined) return undefined;
  const tensors = new Map(lowest.base.tensors);
  const from = new Map([...tensors.keys()].map((name) => [name, lowest.label]));
  const replaced: string[] = [];
  const { ties, shards, reference } = lowest.base;
  const isComplete = layers.some(({ base }) => base.isComplete);
  for (const { label, base } of above) {
    for (const [name, tensor] of base.tensors) {
      // A tied alias is not stored below; a layer that moved both uses has it under either name.
      const below = tensors.get(name) ?? tensors.get(ties.get(name) ?? name);
      if (below === undefined) {
        if (lowest.base.isComplete)
          throw (
            expertsApart(name, tensor, label, lowest) ??
            unknownName(name, [...base.tensors.keys()], label, lowest)
          );
      } else if (!sameShape(below.shape, tensor.shape))
        throw shapeMismatch(name, tensor, below, label, lowest);
      tensors.set(name, tensor);
      from.set(name, label);
      replaced.push(name);
    }
  }
  const config = lowest.base.config ?? above.find(({ base }) => base.config !== undefined)?.base.config;
  return {
    tensors,
    from,
    replaced,
    isComplete,
    ties: new Map([...ties].filter(([alias]) => !tensors.has(alias))),
    shards,
    ...(config && { config }),
    ...(reference && !isComplete && { reference }),
  };
}

/** A name that the base lacks because it has the same experts in the other form: fused, or one by one. */
function expertsApart(
  name: string,
  { shape }: Tensor,
  label: string,
  lowest: BaseLayer,
): PlanError | undefined {
  const { tensors } = lowest.base;
  const found = liveNames(new Set(tensors.keys())).get(name);
  const at = name.lastIndexOf(".experts.");
  const stem = name.slice(0, at).replace(/\.block_sparse_moe$/, ".mlp");
  const isFused = isSingleExpert(name) && tensors.has(`${stem}.experts.gate_up_proj`);
  if (found === undefined && !isFused) return undefined;
  const one = found?.shares[0]?.parameter ?? "";
  const what =
    found === undefined
      ? `is one expert by itself, and the base has its experts fused in ${stem}.experts.gate_up_proj and down_proj`
      : `has shape [${shape.join(", ")}], and the base has ${found.experts} experts one by one, ${one} [${tensors.get(one)?.shape.join(", ")}]`;
  const message = `base: "${name}" ${what} (${label}, ${lowest.label})`;
  return new PlanError("TENON_BASE_EXPERTS", message, {
    details: {
      tensor: name,
      found: shape,
      experts: found?.experts ?? null,
      source: label,
      base: lowest.label,
    },
    hint:
      found === undefined
        ? "Give the base as transformers saves it: AutoModelForCausalLM.from_pretrained(BASE).save_pretrained(DIR) stores each expert."
        : "Give the base that it was trained on.",
  });
}

/** A stranger may be left out; where most names are strange, it is another model's base. */
function unknownName(
  name: string,
  stored: readonly string[],
  label: string,
  { label: below, base: { tensors, ties } }: BaseLayer,
): PlanError {
  const unknown = stored.filter((each) => !tensors.has(each) && !ties.has(each)).length;
  const isForeign = stored.length > 1 && unknown > stored.length / 2;
  const found = isForeign
    ? `, as ${unknown} of the ${stored.length} that are stored are not`
    : ", but is stored";
  const message = `base: "${name}" is not a parameter of the base (${below})${found} (${label})`;
  return new PlanError("TENON_BASE_NAME_UNKNOWN", message, {
    details: { tensor: name, unknown, stored: stored.length, source: label, base: below },
    hint: isForeign
      ? "It is another model: give the base that was trained, --base DIR."
      : `Give the base that it was trained on, or leave it out: --drop ${name}`,
  });
}

function shapeMismatch(
  name: string,
  { shape: found }: Tensor,
  { shape: allowed }: Tensor,
  label: string,
  lowest: BaseLayer,
): PlanError {
  const message = `base: "${name}" is [${found.join(", ")}], the base has [${allowed.join(", ")}] (${label}, ${lowest.label})`;
  return new PlanError("TENON_BASE_SHAPE_MISMATCH", message, {
    details: { tensor: name, found, allowed, source: label, base: lowest.label },
    hint: "Give the base that it was trained on.",
  });
}
