// What the doctor learns from bytes: values that no computation survives, and what moved away from the base.
import {
  type BaseComponent,
  type Checkpoint,
  type Observation,
  sameShape,
  type Tensor,
} from "../core/index.ts";
import { observeValues, type ParameterComparison } from "../doctor/index.ts";
import { digestText, type InspectTask, isMeasurable } from "../execute/index.ts";
import { masterState, mastersApart } from "../plan/index.ts";
import { tensorNamed } from "./base-source.ts";
import { inspect } from "./bits.ts";
import { type ExaminedSources, withMoved } from "./diagnose-moved.ts";
import type { Host } from "./host.ts";
import type { RunOptions } from "./options.ts";

export interface BitsInput extends ExaminedSources {
  /** What formats and layouts stepped over. */
  readonly damage: readonly Observation[];
  /** Everything observed so far. */
  readonly observations: readonly Observation[];
}

export interface Bits {
  /** Everything observed, with what reading decided in the place of what was open. */
  readonly observations: readonly Observation[];
  readonly read: { readonly tensors: number; readonly bytes: number };
}

/** Reads every tensor of the source once, fp32 masters beside the weights too, and those of the base that it is compared with. */
export async function observeBits(host: Host, input: BitsInput, options: RunOptions): Promise<Bits> {
  const { checkpoint, base } = input;
  const sources = [checkpoint, ...(base ? [base] : []), ...input.adapters];
  const tensors = checkpoint.entries.map(({ tensor }) => tensor).filter(readable(input));
  const comparisons = comparisonsOf(checkpoint, base?.base);
  const ties = tiePairs(checkpoint.base, input.observations);
  const relied = reliedOn(checkpoint, base?.base);
  const masters = mastersBeside(checkpoint).filter(({ tensor }) => readable(input)(tensor));
  const scans = tensors.map(
    (tensor): InspectTask => ({
      kind: "inspect",
      name: tensor.name,
      tensor,
      scan: true,
      ...againstOf(comparisons.get(tensor.id)),
    }),
  );
  const others = [
    ...ties.map(({ owner, alias }) => ({ name: owner.name, tensor: owner, against: alias })),
    ...relied.map(({ tensor }) => ({ name: tensor.name, tensor })),
    ...masters.map((master) => ({ ...master, scan: true })),
  ].map((task): InspectTask => ({ kind: "inspect", scan: false, ...task }));
  const outcomes = await inspect(host, [...scans, ...others], sources, options, "diagnose");
  const read = readOf([...tensors, ...masters.map(({ tensor }) => tensor)]);
  const results = tensors.map((tensor, at) => ({ tensor, outcome: outcomes[at] }));
  const tieOutcomes = outcomes.slice(tensors.length, tensors.length + ties.length);
  const reliedOutcomes = outcomes.slice(tensors.length + ties.length);
  const masterOutcomes = outcomes.slice(tensors.length + ties.length + relied.length);

  const broken = new Set(
    ties.filter((_, at) => tieOutcomes[at]?.different !== 0).map(({ observation }) => observation),
  );
  const found: Observation[] = input.observations.map((one) =>
    broken.has(one) ? { ...one, code: "TENON_TIE_BROKEN" } : one,
  );
  const scanned = [
    ...results.map(({ tensor: { name }, outcome }) => ({ name, outcome })),
    ...masters.map(({ name }, at) => ({ name, outcome: masterOutcomes[at] })),
  ];
  const values = scanned.map(({ name, outcome }) => ({
    name,
    nan: outcome?.nan ?? 0,
    infinite: outcome?.infinite ?? 0,
  }));
  found.push(...observeValues(values));
  const differing = relied.filter(
    ({ digest }, at) => digestText(reliedOutcomes[at]?.digest ?? 0n) !== digest,
  );
  if (differing.length > 0) {
    const names = differing.map(({ parameter }) => parameter);
    found.push({ code: "TENON_BASE_WRONG", names, facts: { differ: "digests", relied: relied.length } });
  }
  if (base?.base !== undefined && comparisons.size > 0) {
    const compared = results.flatMap(({ tensor, outcome }): ParameterComparison[] => {
      const pair = comparisons.get(tensor.id);
      if (pair === undefined || outcome === undefined) return [];
      return [
        {
          parameter: pair.parameter,
          isSame: outcome.different === 0,
          ...(isMeasurable(tensor.dtype) && { distance: distanceOf(outcome) }),
          isMatrix: tensor.shape.length > 1,
          isAdapted: false,
        },
      ];
    });
    return {
      observations: await withMoved(host, input, base.base, compared, found, options),
      read,
    };
  }
  return { observations: found, read };
}

const tieCode = "TENON_TIE_STORED_TWICE";
function readOf(tensors: readonly Tensor[]): Bits["read"] {
  return { tensors: tensors.length, bytes: tensors.reduce((sum, { byteLength }) => sum + byteLength, 0) };
}

function distanceOf({ sumSquares, sumSquaresB }: { sumSquares: number; sumSquaresB: number }): number {
  if (sumSquares === 0) return 0;
  return sumSquaresB === 0 ? Number.MAX_VALUE : Math.sqrt(sumSquares / sumSquaresB);
}

/** An optimizer's fp32 masters that are not the weights themselves. */
function mastersBeside(checkpoint: Checkpoint): { readonly name: string; readonly tensor: Tensor }[] {
  return mastersApart(checkpoint).flatMap((parameter) => {
    const tensor = checkpoint.optimizer?.states.get(parameter)?.get(masterState);
    return tensor === undefined ? [] : [{ name: `${parameter}/${masterState}`, tensor }];
  });
}

/** Leaves out what a file that ends early does not hold. */
function readable({ checkpoint, damage }: BitsInput): (tensor: Tensor) => boolean {
  const sizes = new Map(checkpoint.files.map(({ path, byteLength }) => [path, byteLength]));
  const cut = new Set(damage.flatMap(({ facts }) => (facts?.["cutOff"] ? [String(facts["path"])] : [])));
  return ({ byteLength, file, extents }) => {
    if (byteLength === 0) return false;
    if (!cut.has(file)) return true;
    const size = sizes.get(file) ?? 0;
    return extents?.every((extent) => extent.byteOffset + extent.byteLength <= size) ?? false;
  };
}

interface Comparable {
  readonly parameter: string;
  readonly against: Tensor;
}

/** Tensor id → the base's tensor of the same parameter. */
function comparisonsOf(
  { base: own }: Checkpoint,
  base: BaseComponent | undefined,
): ReadonlyMap<string, Comparable> {
  const pairs = new Map<string, Comparable>();
  if (own === undefined || base === undefined) return pairs;
  for (const [parameter, tensor] of own.tensors) {
    const against = tensorNamed(base, parameter);
    if (against !== undefined && isComparable(tensor, against)) pairs.set(tensor.id, { parameter, against });
  }
  return pairs;
}

function isComparable(one: Tensor, other: Tensor): boolean {
  const types = one.dtype === other.dtype || (isMeasurable(one.dtype) && isMeasurable(other.dtype));
  return types && sameShape(one.shape, other.shape) && one.byteLength > 0;
}

function againstOf(pair: Comparable | undefined): Pick<InspectTask, "against"> {
  return pair === undefined ? {} : { against: pair.against };
}

/** Embeddings that config.json ties and that are stored apart. */
function tiePairs(
  base: BaseComponent | undefined,
  observations: readonly Observation[],
): { observation: Observation; owner: Tensor; alias: Tensor }[] {
  return observations
    .filter(({ code }) => code === tieCode)
    .flatMap((observation) => {
      const [owner, alias] = observation.names.map((name) => base?.tensors.get(name));
      const areBoth = owner !== undefined && alias !== undefined && isComparable(owner, alias);
      return areBoth ? [{ observation, owner, alias }] : [];
    });
}

/** What a partial base says of the base that it stands on. */
function reliedOn(
  { base: own }: Checkpoint,
  base: BaseComponent | undefined,
): { parameter: string; tensor: Tensor; digest: string }[] {
  if (base === undefined) return [];
  return [...(own?.reference?.digests ?? [])].flatMap(([parameter, digest]) => {
    const tensor = tensorNamed(base, parameter);
    return tensor === undefined ? [] : [{ parameter, tensor, digest }];
  });
}
