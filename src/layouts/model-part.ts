// The model half of a directory: base and adapters, whichever of hf, peft and raw state dict its files are. Layouts that
// add something to it (a trainer's state) read it with this and look only for their own.
import type { Understanding } from "../adapters/index.ts";
import type { FileEntry, Tensor } from "../core/index.ts";
import { readAdapterConfigs } from "./adapter-configs.ts";
import { adapterPlaces } from "./adapter-files.ts";
import type { CheckpointFiles } from "./checkpoint-files.ts";
import { companionsOf } from "./companions.ts";
import { type AdapterFile, sortParts } from "./components.ts";
import { findJsonDocument } from "./documents.ts";
import { rootPaths } from "./evidence.ts";
import { openModelTensors } from "./model-tensors.ts";

/** What `OpenedCheckpoint` takes of a model: the observations have gone to the notices. */
export interface ModelPart extends Omit<Understanding, "observations"> {
  readonly companions: readonly FileEntry[];
}

/**
 * Reads base and adapters of a directory: the model files by their usual names, every PEFT adapter at the top or in a
 * folder, and the configs beside them.
 * @param model tensors of the model, for a layout that finds them under other names
 */
export async function readModelPart(
  files: CheckpointFiles,
  listed: readonly FileEntry[],
  model?: readonly Tensor[],
): Promise<ModelPart> {
  const { tree, options } = files;
  const { observations: _, ...understood } = sortParts(
    {
      model: model ?? (await openModelTensors(files, rootPaths(listed))),
      modelConfig: await findJsonDocument(tree, "config.json"),
      adapterFiles: await openAdapterFiles(files, listed),
      adapterConfigs: await readAdapterConfigs(tree, listed, options),
    },
    files,
  );
  return { ...understood, companions: companionsOf(listed) };
}

async function openAdapterFiles(
  files: CheckpointFiles,
  listed: readonly FileEntry[],
): Promise<readonly AdapterFile[]> {
  const opened: AdapterFile[] = [];
  for (const { name, weights, passedOver } of adapterPlaces(listed)) {
    if (weights === undefined) continue;
    if (passedOver.length > 0)
      files.notices.note({
        code: "TENON_WEIGHTS_PASSED_OVER",
        names: passedOver,
        facts: { read: [weights] },
      });
    opened.push({ name, opened: await files.open(weights) });
  }
  return opened;
}
