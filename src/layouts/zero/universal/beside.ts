// The model that tenon writes beside the folder that DeepSpeed resumes from.
import type { FileEntry, OptimizerComponent, Tensor, TrainerComponent } from "../../../core/index.ts";
import type { CheckpointFiles } from "../../checkpoint-files.ts";
import { companionsOf } from "../../companions.ts";
import { findJsonDocument } from "../../documents.ts";
import { rootPaths } from "../../evidence.ts";
import { openModelTensors } from "../../model-tensors.ts";
import type { CheckpointParts } from "../../opened-checkpoint.ts";
import { adapterFolder, readSplitModel } from "../../split-model.ts";
import { SubTree } from "../../sub-tree.ts";
import type { ModelFile } from "../model-file.ts";
import type { LiveOptimizer } from "../named-optimizer.ts";
import type { Marker } from "./marker.ts";
import { refusal } from "./refusals.ts";

/** Whether what the marker tells of is there: it is not where somebody points at the inner folder, or copied that alone. */
export function isBeside({ base, adapters }: Marker, listed: readonly FileEntry[], tag: string): boolean {
  const places = [...(base === "whole" ? ["base/"] : []), ...adapters.map(adapterFolder)];
  return tag !== "" && places.every((place) => listed.some(({ path }) => path.startsWith(place)));
}

type Parts = Pick<CheckpointParts, "base" | "adapters" | "entries" | "companions">;

/** Weights in the model's own dtype, as they were when the checkpoint was written. */
export async function readBeside(
  files: CheckpointFiles,
  listed: readonly FileEntry[],
  { base: form, adapters, ties }: Marker,
  { module }: ModelFile,
): Promise<Parts> {
  const isWhole = form === "whole";
  const folder = new SubTree(files.tree, "base");
  const model: readonly Tensor[] | undefined = isWhole
    ? await openModelTensors(files, rootPaths(await folder.list()), folder)
    : form === "part"
      ? [...module.values()]
      : undefined;
  const found = await readSplitModel(files, listed, {
    base: model,
    isWhole: form !== "part",
    config: await findJsonDocument(files.tree, isWhole ? "base/config.json" : "config.json"),
    adapters,
    isLive: !isWhole,
  });
  const base = found.base && {
    ...found.base,
    isComplete: isWhole,
    ties: new Map([...found.base.ties, ...ties]),
  };
  return { ...found, base, companions: companionsOf(listed, isWhole ? "base" : "") };
}

/** @throws FormatError TENON_UNIVERSAL_PARAMETERS when the marker lacks a folder's name */
export function optimizerBeside(
  { states, groups, file }: LiveOptimizer,
  { parameters }: Marker,
): OptimizerComponent {
  const named = (live: string): string => {
    const name = parameters.get(live);
    if (name !== undefined) return name;
    throw refusal(
      "TENON_UNIVERSAL_PARAMETERS",
      `${JSON.stringify(live)} has a folder, and no name in tenon's own note`,
      file,
      { tensor: live },
    );
  };
  return {
    file,
    states: new Map([...states].map(([live, state]) => [named(live), state])),
    groups: groups.map((group) => ({ ...group, parameters: group.parameters.map(named) })),
  };
}

/** The trainer's documents, with those that DeepSpeed does not keep. */
export function withDocuments(trainer: TrainerComponent, { documents }: Marker): TrainerComponent {
  return { documents: new Map([...trainer.documents, ...documents]) };
}
