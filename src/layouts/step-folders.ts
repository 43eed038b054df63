// A directory of a run: one folder a step, each a checkpoint by itself. Which folders these are, as far as names tell.
import type { FileEntry } from "../core/index.ts";
import { unfinishedReason } from "./unfinished.ts";

/** A step that is not read, and why. */
export interface SkippedStep {
  /** Path in the source, without a slash at its end. */
  readonly folder: string;
  readonly reason: string;
}

export interface StepFolders {
  /** Steps whose saves ended as far as names tell, the newest first. */
  readonly finished: readonly string[];
  readonly skipped: readonly SkippedStep[];
}

/** Folders of one run are counted by one word: `checkpoint-500` (Trainer), `checkpoint_3` (Accelerate), `step-100` (torchtitan). */
export interface StepSeries {
  /** What stands before the number, with the folder around it: `checkpoints/checkpoint_`. */
  readonly stem: string;
  /** Folder → paths in it. */
  readonly folders: ReadonlyMap<string, readonly string[]>;
}

const stepFolder = /^((?:checkpoints?\/)?(?:checkpoint|global_step|step|epoch|iter)[-_]?)(\d+)\//;
/** transformers before 4.42 saved under this name and renamed the folder when all was written. */
const stagedFolder = /^(tmp-checkpoint-\d+)\//;
const holdsState = /\.(?:safetensors|bin|pt|pth|ckpt|distcp|pkl)$/;

/**
 * The series of steps in a source; empty when there are none. Several mean that names do not say which folder is newest.
 * Folders without a file of tensors or of state (logs, samples) are no steps.
 */
export function stepSeries(listed: readonly FileEntry[]): readonly StepSeries[] {
  const series = new Map<string, Map<string, string[]>>();
  for (const { path } of listed) {
    const match = stepFolder.exec(path);
    if (match === null) continue;
    const [start, stem = ""] = match;
    const folders = series.get(stem) ?? new Map<string, string[]>();
    const folder = start.slice(0, -1);
    const inside = folders.get(folder) ?? [];
    inside.push(path.slice(start.length));
    series.set(stem, folders.set(folder, inside));
  }
  return [...series]
    .filter(([, folders]) =>
      [...folders.values()].some((paths) => paths.some((path) => holdsState.test(path))),
    )
    .map(([stem, folders]) => ({ stem, folders }));
}

/** Sorts the steps of a series, the newest first, and leaves out those whose save did not end. */
export function sortSteps({ stem, folders }: StepSeries, listed: readonly FileEntry[]): StepFolders {
  const staged = listed
    .map(({ path }) => stagedFolder.exec(path)?.[1])
    .filter((folder) => folder !== undefined);
  const skipped: SkippedStep[] = [...new Set(staged)].map((folder) => ({
    folder,
    reason: "the Trainer renames this folder when all is written, so its save did not finish",
  }));
  const number = (folder: string): number => Number(folder.slice(stem.length));
  const newestFirst = [...folders].sort(
    ([one], [other]) => number(other) - number(one) || (one < other ? 1 : -1),
  );
  const isOfRun = (name: string): boolean => newestFirst.some(([, paths]) => paths.includes(name));
  const finished: string[] = [];
  for (const [folder, paths] of newestFirst) {
    const reason = paths.some((path) => holdsState.test(path))
      ? unfinishedReason(paths, isOfRun)
      : "there is no file of tensors in it";
    if (reason === undefined) finished.push(folder);
    else skipped.push({ folder, reason });
  }
  return { finished, skipped };
}
