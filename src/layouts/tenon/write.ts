import {
  type Draft,
  type DraftBase,
  type DraftOptimizer,
  type Json,
  jsonText,
  type OutputFile,
} from "../../core/index.ts";
import { adapterDirectory } from "../adapter-directory.ts";
import type { ArrangeOptions, OutputText, WrittenFile } from "../layout.ts";
import { modelDirectory } from "../model-directory.ts";
import { adapterFolder } from "../split-model.ts";
import { manifestFor, manifestText } from "./manifest.ts";
import { deltaName, optimizerDocumentName, optimizerTensorsName, trainerDocumentName } from "./places.ts";
import { manifestName } from "./schema.ts";

/**
 * Every file of a tenon checkpoint but tenon.json, which {@link finishTenon} makes.
 */
export function arrangeTenon(draft: Draft, options: ArrangeOptions): readonly OutputFile[] {
  const files: OutputFile[] = [];
  if (draft.base !== undefined) files.push(...baseFiles(draft.base, options));
  for (const adapter of draft.adapters) {
    const directory = adapterFolder(adapter.name);
    files.push(...adapterDirectory(adapter, { layout: "tenon", directory, needsConfig: false }));
  }
  if (draft.optimizer !== undefined) files.push(...optimizerFiles(draft.optimizer));
  if (draft.trainer !== undefined) {
    const documents = Object.create(null) as Record<string, Json>;
    for (const [name, document] of draft.trainer.documents) documents[name] = document;
    files.push({
      kind: "text",
      path: trainerDocumentName,
      text: `${jsonText({ documents }, { indent: 2 })}\n`,
    });
  }
  // Tokenizer and generation config make base/ load without tenon; without a base they stay at the top.
  const home = draft.base?.isComplete === true ? "base/" : "";
  for (const { path, source } of draft.companions) files.push({ kind: "copy", path: home + path, source });
  return files;
}

/** tenon.json, once every other file is written. */
export function finishTenon(draft: Draft, written: readonly WrittenFile[]): readonly OutputText[] {
  return [{ kind: "text", path: manifestName, text: manifestText(manifestFor(draft, written)) }];
}

function baseFiles(base: DraftBase, options: ArrangeOptions): OutputFile[] {
  if (base.isComplete) return modelDirectory(base, options, "base/");
  const files: OutputFile[] = [];
  if (base.config !== undefined) {
    const text = `${jsonText(base.config, { indent: 2, sortKeys: true })}\n`;
    files.push({ kind: "text", path: "base/config.json", text });
  }
  files.push({
    kind: "tensors",
    path: deltaName,
    format: "safetensors",
    entries: [...base.tensors].map(([name, recipe]) => ({ name, recipe })),
    metadata: { format: "pt" },
  });
  return files;
}

function optimizerFiles({ states, groups, orderUnknown, weightsLost }: DraftOptimizer): OutputFile[] {
  const entries = [...states].flatMap(([parameter, state]) =>
    [...state].map(([name, recipe]) => ({ name: `${parameter}/${name}`, recipe })),
  );
  const pythonNumbers = entries.flatMap(({ name, recipe }) =>
    recipe.source.pythonNumber === undefined ? [] : [name],
  );
  const document = {
    groups: groups.map(({ parameters, settings }) => ({ parameters, settings })),
    ...(orderUnknown !== undefined && { orderUnknown }),
    ...(pythonNumbers.length > 0 && { pythonNumbers }),
    ...(weightsLost !== undefined && { weightsLost }),
  };
  return [
    {
      kind: "tensors",
      path: optimizerTensorsName,
      format: "safetensors",
      entries,
      metadata: { format: "pt" },
    },
    { kind: "text", path: optimizerDocumentName, text: `${jsonText(document, { indent: 2 })}\n` },
  ];
}
