// What `diff` says: plain data, and how rows are summed.
import type { DType, NameMeaning, Shape } from "../core/index.ts";
import type { ChangeRank } from "../ops/index.ts";

/**
 * - `equal`: the same dtype, shape and bytes
 * - `changed`: the same dtype and shape, other bytes
 * - `dtype`: another dtype, the same shape; compared by value if both are floats
 * - `shape`: another shape
 * - `added`, `missing`: only in B, only in A
 */
export type DifferenceStatus = "equal" | "changed" | "dtype" | "shape" | "added" | "missing";

/** One side of a comparison. */
export interface ComparedTensor {
  /** As it is stored. */
  readonly name: string;
  readonly file: string;
  readonly dtype: DType;
  readonly shape: Shape;
}

/**
 * How far B lies from A. The norms are Euclidean, summed in f64; null where there is nothing to measure (types without
 * arithmetic) or where NaN or infinity among the differing values leaves no number.
 */
export interface Distance {
  /** Elements that differ in their bits; in their values where the dtypes differ. Null where they were not compared. */
  readonly changedElements: number | null;
  /** Largest |B − A|. */
  readonly maxAbs: number | null;
  /** ‖B − A‖ */
  readonly norm: number | null;
  /** ‖B − A‖ / ‖A‖; null too where A is all zeros. */
  readonly relativeNorm: number | null;
}

export interface TensorDifference extends Distance {
  /** Canonical name. */
  readonly name: string;
  /** `base`, or `adapter:` and its name. */
  readonly component: string;
  readonly status: DifferenceStatus;
  readonly elements: number;
  /** Null where it is not in A. */
  readonly a: ComparedTensor | null;
  /** Null where it is not in B. */
  readonly b: ComparedTensor | null;
  /**
   * Of B − A, with the option `rank`: absent where it is no matrix that changed, null where there is no number (NaN, infinity).
   */
  readonly changeRank?: ChangeRank | null;
}

/** Smallest and largest rank among the matrices of a sum. */
export interface ChangeRanks {
  readonly least: number;
  readonly most: number;
  /** At least one has more than `most`. */
  readonly isMore: boolean;
}

/** Several tensors of one component taken together. */
export interface DifferenceSum extends Distance {
  readonly component: string;
  /** `model.layers.0`, `q_proj`; null for tensors that lie in no numbered layer. */
  readonly name: string | null;
  readonly tensors: number;
  readonly byStatus: Readonly<Record<DifferenceStatus, number>>;
  /** Elements of the tensors that were compared. */
  readonly elements: number;
  /** With the option `rank`, where one of them has one. */
  readonly changeRanks?: ChangeRanks;
}

export interface DiffSide {
  readonly location: string;
  readonly layout: string;
  /** False for a delta and for an adapter alone: what it lacks is not missing, it lies elsewhere. */
  readonly isComplete: boolean;
  readonly tensors: number;
}

export interface DiffReport {
  readonly a: DiffSide;
  readonly b: DiffSide;
  /** Nothing differs, nothing is missing or added, and nothing was left to a base. */
  readonly isEqual: boolean;
  readonly byStatus: Readonly<Record<DifferenceStatus, number>>;
  /** Base parameters of one side that the other, which holds only part of a base, leaves to its base. */
  readonly leftToBase: number;
  /** Single adapters of two names that were compared with each other. */
  readonly adapterPairs: readonly { readonly a: string; readonly b: string }[];
  /** Components that are there and were not compared: `optimizer`, `trainer`. */
  readonly notCompared: readonly string[];
  /** Each component as a whole. Relative norms are relative to the tensors that changed. */
  readonly components: readonly DifferenceSum[];
  /** By layer, in the order of A. */
  readonly layers: readonly DifferenceSum[];
  /** By kind of module: the last part of its path, and the factor for an adapter's (`q_proj.lora_A`). */
  readonly kinds: readonly DifferenceSum[];
  /** Every tensor, in the order of A; what is only in B comes last. */
  readonly tensors: readonly TensorDifference[];
}

/** f64 sums over one tensor, from which its norms come. */
export interface Squares {
  readonly difference: number;
  readonly a: number;
}

export interface MeasuredRow {
  readonly row: TensorDifference;
  readonly meaning: NameMeaning;
  /** Absent where nothing was measured. */
  readonly squares?: Squares;
}

/** The row's layer: its path up to the first number, `model.layers.0`; null outside of layers. */
export function layerOf({ meaning: { module } }: MeasuredRow): string | null {
  return /^(?:.*?\.)?\d+(?=\.|$)/.exec(module)?.[0] ?? null;
}

const factorOf: Partial<Record<NameMeaning["role"], string>> = {
  loraA: "lora_A",
  loraB: "lora_B",
  loraEmbeddingA: "lora_embedding_A",
  loraEmbeddingB: "lora_embedding_B",
  magnitude: "lora_magnitude_vector",
  loraBias: "lora_B.bias",
  loraDiag: "lora_diag",
  tokenDelta: "trainable_tokens_delta",
};

/** The row's kind of module: `q_proj`; for a factor `q_proj.lora_A`. Numbers of experts and lists are passed over. */
export function kindOfModule({ meaning: { module, leaf, role } }: MeasuredRow): string {
  const last = module.split(".").findLast((segment) => segment !== "" && !/^\d+$/.test(segment)) ?? leaf;
  const factor = factorOf[role];
  return factor === undefined ? last : `${last}.${factor}`;
}

export function countStatuses(rows: readonly TensorDifference[]): Record<DifferenceStatus, number> {
  const counts = { equal: 0, changed: 0, dtype: 0, shape: 0, added: 0, missing: 0 };
  for (const { status } of rows) counts[status] += 1;
  return counts;
}

/** Sums rows by component and key, in the order in which keys are met. */
export function sumBy(
  rows: readonly MeasuredRow[],
  keyOf: (row: MeasuredRow) => string | null,
): DifferenceSum[] {
  const groups = new Map<string, { component: string; name: string | null; members: MeasuredRow[] }>();
  for (const row of rows) {
    const { component } = row.row;
    const name = keyOf(row);
    const key = JSON.stringify([component, name]);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, { component, name, members: [row] });
    else group.members.push(row);
  }
  return [...groups.values()].map(({ component, name, members }) => ({
    component,
    name,
    ...sumOf(members),
  }));
}

function sumOf(members: readonly MeasuredRow[]): Omit<DifferenceSum, "component" | "name"> {
  const rows = members.map(({ row }) => row);
  const compared = rows.filter(({ changedElements }) => changedElements !== null);
  const moved = members.filter(({ row }) => (row.changedElements ?? 0) > 0);
  const isMeasured = compared.length > 0 && moved.every(({ squares }) => squares !== undefined);
  const total = (pick: (squares: Squares) => number): number =>
    moved.reduce((sum, { squares }) => sum + (squares === undefined ? 0 : pick(squares)), 0);
  const ranks = rows.flatMap(({ changeRank }) => changeRank ?? []);
  return {
    tensors: rows.length,
    byStatus: countStatuses(rows),
    elements: compared.reduce((sum, { elements }) => sum + elements, 0),
    changedElements:
      compared.length === 0
        ? null
        : compared.reduce((sum, { changedElements }) => sum + (changedElements ?? 0), 0),
    maxAbs: isMeasured ? finite(moved.reduce((most, { row }) => Math.max(most, row.maxAbs ?? NaN), 0)) : null,
    ...(ranks.length > 0 && { changeRanks: rangeOf(ranks) }),
    ...norms(isMeasured ? { difference: total((of) => of.difference), a: total((of) => of.a) } : undefined),
  };
}

function rangeOf(ranks: readonly ChangeRank[]): ChangeRanks {
  const all = ranks.map(({ rank }) => rank);
  return { least: Math.min(...all), most: Math.max(...all), isMore: ranks.some(({ isMore }) => isMore) };
}

/** Norms of sums of squares; 0 of nothing is 0, also relative to nothing. */
export function norms(squares: Squares | undefined): Pick<Distance, "norm" | "relativeNorm"> {
  if (squares === undefined) return { norm: null, relativeNorm: null };
  const norm = Math.sqrt(squares.difference);
  return { norm: finite(norm), relativeNorm: norm === 0 ? 0 : finite(norm / Math.sqrt(squares.a)) };
}

/** JSON has no NaN and no infinity. */
export function finite(value: number): number | null {
  return Number.isFinite(value) ? value : null;
}
