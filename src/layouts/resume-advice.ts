// What torch's own optimizers do to state as they load it.

import { canonicalName } from "../adapters/index.ts";
import type { Draft, Recipe } from "../core/index.ts";

/** Sentences for whoever resumes in an engine that calls `Optimizer.load_state_dict`. */
export function resumeAdvice(draft: Draft): readonly string[] {
  const { optimizer } = draft;
  if (optimizer === undefined) return [];
  const weights = weightsOf(draft);
  const cast = new Map<string, number>();
  for (const [name, state] of optimizer.states) {
    const weight = weights.get(name);
    const other = [...state].find(([key, { dtype }]) => key !== "step" && weight && dtype !== weight.dtype);
    if (other === undefined || weight === undefined) continue;
    const pair = `${other[1].dtype} beside weights of ${weight.dtype}`;
    cast.set(pair, (cast.get(pair) ?? 0) + 1);
  }
  return [...cast].map(
    ([pair, count]) =>
      `the state of ${count} parameters is ${pair}: torch's optimizers load it in the type that the live parameter has, so load the model in the type that it was trained in`,
  );
}

function weightsOf({ base, adapters }: Draft): ReadonlyMap<string, Recipe> {
  const weights = new Map(base?.tensors);
  for (const { name, parameters } of adapters)
    for (const { meaning, recipe } of parameters)
      weights.set(canonicalName({ ...meaning, adapter: name }), recipe);
  return weights;
}
