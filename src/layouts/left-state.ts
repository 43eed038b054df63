// State of an optimizer that is read into nothing: it is named, and a conversion that carries the optimizer is refused.
import type { Observation } from "../core/index.ts";
import type { CheckpointFiles } from "./checkpoint-files.ts";

/**
 * Observes what would get lost, if there is anything.
 * @param left place (`3.step`, `param_groups.0.lr`) → what is found there
 */
export function noteLeftState(files: CheckpointFiles, file: string, left: ReadonlyMap<string, string>): void {
  for (const observation of leftState(file, left)) files.notices.note(observation);
}

/** The same for a reader that may still give up the file. */
export function leftState(file: string, left: ReadonlyMap<string, string>): readonly Observation[] {
  const [first] = left;
  if (first === undefined) return [];
  const facts = { file, found: first[1] };
  return [{ code: "TENON_OPTIMIZER_STATE_LEFT", names: [...left.keys()], facts }];
}
