import type { Observation } from "../../core/index.ts";

/** How a parameter of the source compares with the base that was given. */
export interface ParameterComparison {
  /** Canonical name. */
  readonly parameter: string;
  readonly isSame: boolean;
  /** ‖W − W₀‖ / ‖W₀‖ in f64; absent where the dtype cannot be measured. */
  readonly distance?: number;
  readonly isMatrix: boolean;
  /** An adapter has a pair for it. */
  readonly isAdapted: boolean;
}

/**
 * What the weights of adapted parameters are, compared with base and adapter: the base (`unmerged`), base and delta
 * (`merged`), base and twice the delta (`twice`), nothing of it (`neither`); `unknown` where the delta cannot be computed.
 */
export type MergeState = "unmerged" | "merged" | "twice" | "neither" | "unknown";

export interface MovedInput {
  readonly comparisons: readonly ParameterComparison[];
  readonly state: MergeState;
  /** The source stores LoRA beside plain weights (TENON_BASE_LORA_LEFT). */
  readonly isLoraLeft: boolean;
  readonly hasAdapter: boolean;
}

/** Unrelated random weights are √2 apart; training does not carry every matrix half as far. */
const unrelatedDistance = 1;

/** What the bits say about a source and its base: wrong base, merged already or twice, trained. */
export function observeMoved({ comparisons, state, isLoraLeft, hasAdapter }: MovedInput): Observation[] {
  const moved = comparisons.filter(({ isSame }) => !isSame);
  const facts = { compared: comparisons.length, moved: moved.length };
  const matrices = comparisons.filter(({ isMatrix, distance }) => isMatrix && distance !== undefined);
  const nearest = Math.min(...matrices.map(({ distance = 0 }) => distance));
  if (matrices.length > 1 && nearest >= unrelatedDistance) {
    const names = matrices.map(({ parameter }) => parameter);
    return [{ code: "TENON_BASE_WRONG", names, facts: { ...facts, differ: "weights", nearest } }];
  }
  const adapted = comparisons.filter(({ isAdapted }) => isAdapted).map(({ parameter }) => parameter);
  if (hasAdapter && (state === "merged" || state === "twice"))
    return [
      { code: state === "merged" ? "TENON_MERGED_ALREADY" : "TENON_MERGED_TWICE", names: adapted, facts },
    ];
  const found: Observation[] = [];
  if (isLoraLeft && state === "unmerged")
    found.push({ code: "TENON_BASE_LORA_UNMERGED", names: adapted, facts });
  if (isLoraLeft && state === "neither")
    found.push({ code: "TENON_BASE_LORA_TRAINED", names: adapted, facts });
  if (moved.length > 0)
    found.push({ code: "TENON_BASE_TRAINED", names: moved.map(({ parameter }) => parameter), facts });
  return found;
}
