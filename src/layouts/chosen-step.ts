import type { SourceTree } from "../bytes/index.ts";
import type { Checkpoint, Observation } from "../core/index.ts";
import type { SkippedStep } from "./step-folders.ts";

/** A checkpoint that was read in the place of others of a run. */
export interface ChosenStep {
  readonly checkpoint: Checkpoint;
  /** The directory of the run, closed with the checkpoint where it is another tree than the checkpoint's own. */
  readonly tree?: SourceTree;
  /** What was read, as a path in the run's directory; "." for the directory itself. */
  readonly read: string;
  readonly evidence: readonly string[];
  readonly skipped: readonly SkippedStep[];
}

/** The checkpoint with what it was chosen among; everything else is its own. */
export function chosenStep({ checkpoint, tree, read, evidence, skipped }: ChosenStep): Checkpoint {
  const { base, optimizer, trainer } = checkpoint;
  const passedOver: Observation = {
    code: "TENON_STEPS_PASSED_OVER",
    names: skipped.map(({ folder }) => folder),
    facts: { read, reasons: skipped.map(({ folder, reason }) => `${folder}: ${reason}`) },
  };
  const close = async (): Promise<void> => {
    await checkpoint.close();
    await tree?.close();
  };
  return {
    location: checkpoint.location,
    layout: checkpoint.layout,
    evidence: [...evidence, ...checkpoint.evidence],
    ...(base && { base }),
    adapters: checkpoint.adapters,
    ...(optimizer && { optimizer }),
    ...(trainer && { trainer }),
    entries: checkpoint.entries,
    observations: skipped.length === 0 ? checkpoint.observations : [...checkpoint.observations, passedOver],
    files: checkpoint.files,
    companions: checkpoint.companions,
    readDocument: (path) => checkpoint.readDocument(path),
    close,
    [Symbol.asyncDispose]: close,
  };
}
