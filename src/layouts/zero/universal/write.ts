// One folder that stages 1, 2 and 3 resume from, and beside it the model to start from.
import { type Draft, jsonText, type OutputFile, type Recipe, safeFileName } from "../../../core/index.ts";
import { TensorPlace } from "../../../formats/index.ts";
import { PickleMap } from "../../../pickle/index.ts";
import { adapterDirectory } from "../../adapter-directory.ts";
import type { ArrangeOptions } from "../../layout.ts";
import { liveModel } from "../../live-model.ts";
import { modelDirectory } from "../../model-directory.ts";
import { adapterFolder } from "../../split-model.ts";
import { baseInMemory } from "../../wrapped-names.ts";
import { modelObject, runFacts } from "./model-object.ts";
import { optimizerObject } from "./optimizer-object.ts";
import { loadsInStage3, type TrainedParameter, trainedGroups } from "./trained.ts";
import {
  categoryDimension,
  firstWorkerModel,
  latestName,
  optimizerFile,
  parametersFolder,
  sharedModel,
  stepName,
} from "./wire.ts";

/**
 * DeepSpeed restores trained parameters from their masters and nothing else, so a whole base and the adapters lie beside the
 * folder, in `base/` and `adapters/<name>/`. A part of a base goes into the model file. Stage 3 finds no model file where
 * its loader would fail later, or go on with the wrong moments.
 * @throws PlanError as `trainedGroups` and `adapterDirectory`; FormatError TENON_PATH_UNSAFE
 */
export function arrangeUniversal(draft: Draft, options: ArrangeOptions = {}): readonly OutputFile[] {
  const { base, adapters, companions } = draft;
  const live = liveModel(draft);
  const groups = trainedGroups(draft, live);
  const { tag } = runFacts(draft);
  const folder = `${safeFileName(tag, "the trainer's state")}/`;
  const isWhole = base?.isComplete === true;
  const module = base === undefined || isWhole ? [] : baseInMemory(base.tensors, adapters);
  const places = module.map(({ name }) => name);
  const files: OutputFile[] = [
    torchFile(folder + sharedModel, modelObject(draft, live, groups, places), module),
  ];
  if (loadsInStage3(groups))
    files.push(torchFile(folder + firstWorkerModel, modelObject(draft, live, groups, []), []));
  const optimizer = optimizerObject(draft, groups);
  files.push(torchFile(folder + optimizerFile, optimizer.object, optimizer.entries));
  for (const parameter of groups.flatMap(({ parameters }) => parameters))
    files.push(...statesOf(parameter, `${folder}${parametersFolder}${parameter.live}/`));
  if (isWhole) files.push(...modelDirectory(base, options, "base/"));
  else if (base?.config !== undefined)
    files.push({
      kind: "text",
      path: "config.json",
      text: `${jsonText(base.config, { indent: 2, sortKeys: true })}\n`,
    });
  for (const adapter of adapters)
    files.push(
      ...adapterDirectory(adapter, {
        layout: "universal",
        directory: adapterFolder(adapter.name),
        needsConfig: false,
      }),
    );
  const home = isWhole ? "base/" : "";
  for (const { path, source } of companions) files.push({ kind: "copy", path: home + path, source });
  // DeepSpeed takes the whole text for a name, so there is no newline.
  return [...files, { kind: "text", path: latestName, text: tag }];
}

function statesOf({ states, step }: TrainedParameter, folder: string): OutputFile[] {
  const files = [...states].map(([state, recipe]) => {
    const object = new PickleMap().set(categoryDimension, 0).set("param", new TensorPlace("param"));
    return torchFile(`${folder}${state}.pt`, object as PickleMap, [{ name: "param", recipe }]);
  });
  if (step !== undefined)
    files.push(
      torchFile(`${folder}${stepName}.pt`, new TensorPlace(stepName), [{ name: stepName, recipe: step }]),
    );
  return files;
}

function torchFile(
  path: string,
  object: PickleMap | TensorPlace,
  entries: readonly { readonly name: string; readonly recipe: Recipe }[],
): OutputFile {
  return { kind: "tensors", path, format: "torch", entries, metadata: {}, objects: [object] };
}
