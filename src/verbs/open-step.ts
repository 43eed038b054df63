// A source that is the directory of a run: the newest step whose save is complete is opened.
import type { SourceTree } from "../bytes/index.ts";
import {
  type Checkpoint,
  type ErrorExtras,
  FormatError,
  isTenonError,
  type Observation,
  type TenonError,
  UsageError,
} from "../core/index.ts";
import { chosenStep, type SkippedStep, StepTree, sortSteps, stepSeries } from "../layouts/index.ts";

/** Damage is given to `report`, as a doctor asks for it. */
export type OpenTree = (tree: SourceTree, report?: (observation: Observation) => void) => Promise<Checkpoint>;

export interface OpenedStep {
  readonly checkpoint: Checkpoint;
  /** The files of the step alone. */
  readonly tree: SourceTree;
}

/** What shows that a save is not whole. Anything else that is wrong with the newest step is its user's to know. */
const incompleteCodes: ReadonlySet<string> = new Set([
  "TENON_LAYOUT_UNKNOWN",
  "TENON_SHARD_MISSING",
  "TENON_DCP_METADATA_MISSING",
]);

/**
 * Opens the newest complete step of a run; undefined when the source has no folders of steps. A step is passed over when
 * its trainer's last file, a shard or all weights are missing. Other damage (mixed saves, missing ranks, `latest` that
 * names nothing) is thrown: an older step is not taken in the place of a newer one that only needs copying again.
 * @throws UsageError TENON_STEPS_AMBIGUOUS; FormatError TENON_STEPS_INCOMPLETE; what opening the newest finished step throws
 */
export async function openNewestStep(
  tree: SourceTree,
  open: OpenTree,
  report?: (observation: Observation) => void,
): Promise<OpenedStep | undefined> {
  const listed = await tree.list();
  const [series, ...more] = stepSeries(listed);
  if (series === undefined) return undefined;
  if (more.length > 0)
    throw ambiguous(
      [series, ...more].map(({ stem }) => stem),
      tree.location,
    );
  const { finished, skipped: unfinished } = sortSteps(series, listed);
  const skipped: SkippedStep[] = [];
  for (const [at, folder] of finished.entries()) {
    const older = finished.slice(at + 1);
    const step = new StepTree(tree, folder);
    const damage: Observation[] = [];
    const result = await tryStep(() => open(step, report && ((found) => void damage.push(found))), damage);
    if ("reason" in result) {
      skipped.push({ folder, reason: result.reason });
      continue;
    }
    if ("error" in result) throw inStep(result.error, folder, older[0]);
    for (const found of damage) report?.(found);
    const all = [
      ...skipped,
      ...unfinished,
      ...older.map((each) => ({ folder: each, reason: `${folder} is newer` })),
    ];
    const which = all.length === 0 ? "the only step" : "the newest complete step";
    const evidence = [`${folder} is ${which} here`];
    const checkpoint = chosenStep({
      checkpoint: result.checkpoint,
      tree,
      read: folder,
      evidence,
      skipped: all,
    });
    return { checkpoint, tree: step };
  }
  throw noneComplete([...skipped, ...unfinished], tree.location);
}

type Result =
  | { readonly checkpoint: Checkpoint }
  | { readonly reason: string }
  | { readonly error: TenonError };

async function tryStep(open: () => Promise<Checkpoint>, damage: readonly Observation[]): Promise<Result> {
  try {
    const checkpoint = await open();
    const lacking = damage.find(({ code }) => incompleteCodes.has(code));
    const isEmpty = (checkpoint.base?.tensors.size ?? 0) === 0 && checkpoint.adapters.size === 0;
    if (lacking === undefined && !isEmpty) return { checkpoint };
    await checkpoint.close();
    if (lacking === undefined) return { reason: "there are no weights in it" };
    const { message } = lacking.facts ?? {};
    return { reason: typeof message === "string" ? message : lacking.code };
  } catch (error) {
    if (!isTenonError(error)) throw error;
    return incompleteCodes.has(error.code) ? { reason: error.message } : { error };
  }
}

/**
 * A directory of a run may also be a checkpoint by itself: the model that the training ended with. It is read, and the
 * folders of its steps are said to be passed over.
 */
export async function notingSteps(checkpoint: Checkpoint, tree: SourceTree): Promise<Checkpoint> {
  const series = stepSeries(await tree.list()).filter(({ stem }) => stem.includes("checkpoint"));
  const folders = series.flatMap((each) => [...each.folders.keys()]);
  if (folders.length === 0) return checkpoint;
  const reason = "the files beside it come first";
  const skipped = folders.map((folder) => ({ folder, reason }));
  return chosenStep({ checkpoint, read: ".", evidence: [], skipped });
}

/** The same error, with the step that it is in, and what there is instead. */
function inStep(error: TenonError, folder: string, older: string | undefined): TenonError {
  if (error.code === "TENON_INTERRUPTED") return error;
  const SameError = error.constructor as new (
    code: string,
    message: string,
    extras: ErrorExtras,
  ) => TenonError;
  const instead = older === undefined ? undefined : `Or point at ${older}, the step before it.`;
  const hint = [error.hint, instead].filter((sentence) => sentence !== undefined).join(" ");
  return new SameError(error.code, `${folder}: ${error.message}`, {
    details: { ...error.details, step: folder },
    ...(hint !== "" && { hint }),
    cause: error,
  });
}

function ambiguous(stems: readonly string[], location: string): UsageError {
  const shown = stems.map((stem) => `${stem}<number>`);
  const message = `steps: folders are counted in ${stems.length} ways, ${shown.join(" and ")}, which do not say what is newest (${location})`;
  return new UsageError("TENON_STEPS_AMBIGUOUS", message, {
    details: { stems },
    hint: "Point at the folder of the step that you mean.",
  });
}

function noneComplete(skipped: readonly SkippedStep[], location: string): FormatError {
  const shown = skipped.slice(0, 3).map(({ folder, reason }) => `${folder}: ${reason}`);
  const more = skipped.length > 3 ? `; and ${skipped.length - 3} more` : "";
  const message = `steps: none of ${skipped.length} is complete: ${shown.join("; ")}${more} (${location})`;
  return new FormatError("TENON_STEPS_INCOMPLETE", message, {
    details: { steps: skipped.map(({ folder, reason }) => ({ folder, reason })) },
    hint: "To read what is there all the same, point at the folder of one step.",
  });
}
