// A trainer that saves only the adapter still saves the moments of every parameter that it trained. Moments that no
// tensor of the checkpoint explains are the trace of base weights that were trained and then dropped.
import type { Observation, OptimizerComponent, Shape, Tensor } from "../core/index.ts";

export interface LostBase {
  /** Parameters that were trained and are not here, at least. */
  readonly count: number;
  /** How many of each shape, as `[64, 64] × 3`. */
  readonly shapes: readonly string[];
}

/**
 * Compares the shapes of an optimizer's moments with those of what was saved. Each saved tensor explains one state of
 * its shape; what is left over was trained and is lost. States that keep no moment of the parameter's own shape count
 * as explained.
 */
export function findLostBase(optimizer: OptimizerComponent, saved: readonly Shape[]): LostBase | undefined {
  const left = new Map<string, number>();
  for (const state of optimizer.states.values()) {
    const shape = parameterShape(state);
    if (shape !== undefined) left.set(spell(shape), (left.get(spell(shape)) ?? 0) + 1);
  }
  for (const shape of saved) {
    const key = spell(shape);
    const count = left.get(key);
    if (count !== undefined) left.set(key, count - 1);
  }
  const lost = [...left].filter(([, count]) => count > 0);
  if (lost.length === 0) return undefined;
  return {
    count: lost.reduce((total, [, count]) => total + count, 0),
    shapes: lost.map(([shape, count]) => `${shape} × ${count}`),
  };
}

/** The observation that the doctor explains. */
export function lostBaseObservation(optimizer: OptimizerComponent, lost: LostBase): Observation {
  return {
    code: "TENON_TRAINED_BASE_LOST",
    names: lost.shapes,
    facts: { count: lost.count, file: optimizer.file, states: optimizer.states.size, shapes: lost.shapes },
  };
}

/** State names that have the parameter's own shape in torch's optimizers, bitsandbytes (state1) and Lion, SGD, Adagrad; and its fp32 master. */
const momentNames = ["exp_avg", "exp_avg_sq", "momentum_buffer", "sum", "square_avg", "state1", "fp32"];

/** The shape of the parameter that a state belongs to; undefined when the state does not tell. */
export function parameterShape(state: ReadonlyMap<string, Tensor>): Shape | undefined {
  // Adafactor keeps a row and a column of the second moment.
  const row = state.get("exp_avg_sq_row")?.shape;
  const column = state.get("exp_avg_sq_col")?.shape;
  if (row !== undefined && column !== undefined) return [...row, column.at(-1) ?? 1];
  for (const name of momentNames) {
    const moment = state.get(name);
    if (moment !== undefined) return moment.shape;
  }
  return undefined;
}

function spell(shape: Shape): string {
  return `[${shape.join(", ")}]`;
}
