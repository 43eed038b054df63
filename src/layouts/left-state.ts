// State of an optimizer that is read into nothing: it is named, and a conversion that carries the optimizer is refused.
import type { CheckpointFiles } from "./checkpoint-files.ts";

/**
 * Observes what would get lost, if there is anything.
 * @param left place (`3.step`, `param_groups.0.lr`) → what is found there
 */
export function noteLeftState(files: CheckpointFiles, file: string, left: ReadonlyMap<string, string>): void {
  const [first] = left;
  if (first === undefined) return;
  files.notices.note({
    code: "TENON_OPTIMIZER_STATE_LEFT",
    names: [...left.keys()],
    facts: { file, found: first[1] },
  });
}
