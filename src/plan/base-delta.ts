// A base by what differs from the one it stands on.
import {
  type BaseComponent,
  type DraftBase,
  PlanError,
  type Recipe,
  sameShape,
  type Tensor,
  type TensorMeta,
} from "../core/index.ts";
import { type BaseLayer, type OverlaidBase, overlayBases } from "./base.ts";
import { keep } from "./carried.ts";

/** The base below, as it was opened. */
export interface BaseBelow {
  /** What a reference to it says. */
  readonly location: string;
  /** The lowest first; together they are a whole base. */
  readonly layers: readonly BaseLayer[];
}

/** Two tensors whose bits are to be compared before a plan can be made. */
export interface BitQuestion {
  readonly name: string;
  readonly tensor: TensorMeta;
  readonly against: TensorMeta;
}

/** What reading told. */
export interface BaseBits {
  /** Canonical names whose bits are those of the base below. */
  readonly same: ReadonlySet<string>;
  /** Canonical name of every parameter that the base below stores → digest of it, `<algorithm>:<hex>`. */
  readonly digests: ReadonlyMap<string, string>;
}

/** Tensors of a base that may be those of the base below: as many elements of the same type. */
export function questionsAgainst(own: BaseComponent | undefined, below: OverlaidBase): BitQuestion[] {
  const questions: BitQuestion[] = [];
  for (const name of namesOf(below)) {
    const [tensor, against] = [named(own, name), named(below, name)];
    if (tensor === undefined || against === undefined) continue;
    if (tensor.dtype === against.dtype && sameShape(tensor.shape, against.shape))
      questions.push({ name, tensor, against });
  }
  return questions;
}

/** Owner and alias of a tie that are both stored: if their bits are the same, one is enough. */
export function questionsOfTies(own: BaseComponent, ties: ReadonlyMap<string, string>): BitQuestion[] {
  return [...ties].flatMap(([alias, owner]) => {
    const [tensor, against] = [own.tensors.get(alias), own.tensors.get(owner)];
    if (tensor === undefined || against === undefined) return [];
    const isAlike = tensor.dtype === against.dtype && sameShape(tensor.shape, against.shape);
    return isAlike ? [{ name: alias, tensor, against }] : [];
  });
}

/** A base in which the aliases that were found to be their owners again are tied. */
export function withTies(
  own: BaseComponent,
  ties: ReadonlyMap<string, string>,
  same: ReadonlySet<string>,
): BaseComponent {
  const found = [...ties].filter(([alias]) => same.has(alias));
  if (found.length === 0) return own;
  const aliases = new Set(found.map(([alias]) => alias));
  return {
    ...own,
    tensors: new Map([...own.tensors].filter(([name]) => !aliases.has(name))),
    ties: new Map([...own.ties, ...found]),
  };
}

/** The parameters that differ from the base below. */
export function movedParameters(
  own: BaseComponent | undefined,
  below: OverlaidBase,
  { same }: Pick<BaseBits, "same">,
): Map<string, Tensor> {
  const moved = new Map<string, Tensor>();
  for (const name of namesOf(below)) {
    const tensor = named(own, name);
    if (tensor === undefined) continue;
    const owner = below.ties.get(name);
    if (owner === undefined) {
      if (same.has(name)) continue;
    } else {
      // An alias follows its owner, so it needs a tensor of its own only where the two part.
      const its = named(own, owner);
      if (tensor === its) continue;
      if (same.has(name) && (its === undefined || same.has(owner))) continue;
    }
    moved.set(name, tensor);
  }
  return moved;
}

/**
 * The base as a delta: what differs, and the digest of everything that does not. It was seen to fit. Where everything
 * differs it is whole.
 * @throws PlanError TENON_BASE_NOT_WHOLE
 */
export function deltaBase(
  own: BaseComponent | undefined,
  { location, layers }: BaseBelow,
  bits: BaseBits,
): DraftBase {
  const below = wholeBase(location, layers);
  const moved = movedParameters(own, below, bits);
  const digests = new Map<string, string>();
  for (const name of below.tensors.keys()) {
    if (moved.has(name)) continue;
    const digest = bits.digests.get(name);
    if (digest === undefined) throw new Error(`internal: no digest of ${name}`);
    digests.set(name, digest);
  }
  const config = own?.config ?? below.config;
  // Where everything moved, nothing is relied on: it is a model that stands by itself.
  const isComplete = digests.size === 0;
  return {
    tensors: recipesOf(moved),
    isComplete,
    ties: new Map([...below.ties].filter(([alias]) => !moved.has(alias))),
    ...(config && { config }),
    ...(isComplete ? own && { shards: own.shards } : { reference: { location, digests } }),
  };
}

export function recipesOf(tensors: ReadonlyMap<string, Tensor>): Map<string, Recipe> {
  return new Map([...tensors].map(([name, tensor]) => [name, keep(tensor)]));
}

/** @throws PlanError TENON_BASE_NOT_WHOLE */
export function wholeBase(location: string, layers: readonly BaseLayer[]): OverlaidBase {
  const below = overlayBases(layers);
  if (below?.isComplete === true) return below;
  const count = below?.tensors.size ?? 0;
  throw new PlanError(
    "TENON_BASE_NOT_WHOLE",
    `base: it holds ${count} parameters, not a whole model (${location})`,
    {
      details: { base: location, tensors: count, reference: below?.reference?.location ?? null },
      hint: "Give the directory of the whole model.",
    },
  );
}

type Named = Pick<BaseComponent, "tensors" | "ties">;

/** A tied alias has the tensor of its owner. */
function named(base: Named | undefined, name: string): Tensor | undefined {
  return base?.tensors.get(name) ?? base?.tensors.get(base.ties.get(name) ?? name);
}

function namesOf({ tensors, ties }: Named): string[] {
  return [...tensors.keys(), ...[...ties.keys()].filter((alias) => !tensors.has(alias))];
}
