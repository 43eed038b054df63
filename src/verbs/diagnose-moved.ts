// Whether the weights of a source are the base's, the base's with adapters merged in, or trained on.
import type { AdapterComponent, BaseComponent, Checkpoint, Observation, Tensor } from "../core/index.ts";
import { type MergeState, observeMoved, type ParameterComparison } from "../doctor/index.ts";
import type { Host } from "./host.ts";
import { mergeStateOf } from "./merge-state.ts";
import type { RunOptions } from "./options.ts";

export interface ExaminedSources {
  readonly checkpoint: Checkpoint;
  readonly base: Checkpoint | undefined;
  /** Adapters that may have been merged into it. */
  readonly adapters: readonly Checkpoint[];
}

const leftCode = "TENON_BASE_LORA_LEFT";

/** What was observed, with what the comparisons decide in the place of what was open. */
export async function withMoved(
  host: Host,
  { checkpoint, base, adapters }: ExaminedSources,
  given: BaseComponent,
  compared: readonly ParameterComparison[],
  found: readonly Observation[],
  options: RunOptions,
): Promise<readonly Observation[]> {
  const isLoraLeft = found.some(({ code }) => code === leftCode);
  const moved = new Set(compared.filter(({ isSame }) => !isSame).map(({ parameter }) => parameter));
  const own = checkpoint.base?.tensors ?? new Map<string, Tensor>();
  const beside = adapters.flatMap((each) => [...each.adapters.values()]);
  const candidates = beside.length > 0 ? beside : [...checkpoint.adapters.values()];
  const sources = [checkpoint, ...(base ? [base] : []), ...adapters];
  const states: MergeState[] = [];
  const isAdapted = new Set<string>();
  for (const adapter of candidates) {
    for (const name of weightsOf(adapter)) isAdapted.add(name);
    states.push(await mergeStateOf(host, { base: given, own, adapter, moved, sources }, options));
  }
  const state = states.length === 1 ? (states[0] as MergeState) : agreed(states);
  const comparisons = compared.map((one) => ({ ...one, isAdapted: isAdapted.has(one.parameter) }));
  const decided =
    state === "unknown" && isLoraLeft && comparisons.every((one) => one.isSame || !one.isAdapted)
      ? "unmerged"
      : state;
  const more = observeMoved({ comparisons, state: decided, isLoraLeft, hasAdapter: candidates.length > 0 });
  const isDecided = decided !== "unknown";
  return [...found.filter(({ code }) => !(isDecided && code === leftCode)), ...more];
}

/** Several adapters were merged one after the other or not at all; anything else cannot be told by single deltas. */
function agreed(states: readonly MergeState[]): MergeState {
  const [first = "unknown"] = states;
  return states.every((state) => state === first) ? first : "unknown";
}

function weightsOf({ modules }: AdapterComponent): string[] {
  return [...modules.values()].map(({ path }) => `${path}.weight`);
}
