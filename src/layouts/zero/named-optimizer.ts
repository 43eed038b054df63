import type { BaseComponent, Entry, OptimizerComponent, Tensor } from "../../core/index.ts";
import { canonicalNames } from "../canonical-names.ts";

/** An optimizer under the names of the live model, as DeepSpeed's files have them. */
export interface LiveOptimizer {
  readonly file: string;
  readonly states: ReadonlyMap<string, ReadonlyMap<string, Tensor>>;
  readonly groups: OptimizerComponent["groups"];
}

/** The same optimizer under canonical names. */
export function namedOptimizer(
  { file, states, groups }: LiveOptimizer,
  entries: readonly Entry[],
  base: BaseComponent | undefined,
): OptimizerComponent {
  const names = canonicalNames([...states.keys()], { entries });
  // Of tied parameters DeepSpeed keeps the first that the model has, which need not be the owner.
  const named = (stored: string): string => {
    const name = names.get(stored) ?? stored;
    return base?.ties.get(name) ?? name;
  };
  return {
    file,
    states: new Map([...states].map(([stored, state]) => [named(stored), state])),
    groups: groups.map(({ parameters, settings }) => ({ settings, parameters: parameters.map(named) })),
  };
}
