import { type Understanding, type UnderstandOptions, understand } from "../adapters/index.ts";
import type { JsonRecord, Tensor } from "../core/index.ts";
import type { AdapterConfigs } from "./adapter-configs.ts";
import { sliceOf } from "./assembled-tensor.ts";
import type { CheckpointFiles, OpenedFile } from "./checkpoint-files.ts";

/** An opened adapter file, and the adapter that its place says it belongs to. */
export interface AdapterFile {
  readonly name: string;
  readonly opened: OpenedFile;
}

/** What a layout found, before anybody asked what the names mean. */
export interface StoredParts {
  readonly model?: readonly Tensor[] | undefined;
  readonly modelConfig?: JsonRecord | undefined;
  readonly adapterFiles: readonly AdapterFile[];
  readonly adapterConfigs: AdapterConfigs;
  /** The layout keeps base and adapters apart by definition: LoRA beside a plain base is then no riddle. */
  readonly isSplit?: boolean;
  /** The layout keeps the names of the live model by definition, so they are no news. */
  readonly isLive?: boolean;
}

/**
 * Sorts what was found into base and adapters; what that shows goes to the checkpoint's observations.
 * Whoever listens for damage also gets names that mean the same parameter as observations.
 */
export function sortParts(parts: StoredParts, files: CheckpointFiles): Understanding {
  const { model = [], modelConfig, adapterFiles, adapterConfigs } = parts;
  const tensors = [...model, ...adapterFiles.flatMap(({ opened }) => opened.tensors)];
  const options = (found: AdapterConfigs["found"]): UnderstandOptions => ({
    adapterConfigs: found,
    adapterFiles: new Map(adapterFiles.map(({ name, opened }) => [opened.path, name])),
    ...(modelConfig && { config: modelConfig }),
    ...(adapterConfigs.given && { givenConfig: adapterConfigs.given }),
    ...(files.options.knownBaseNames && { knownBaseNames: files.options.knownBaseNames }),
    slice: sliceOf,
    ...(files.options.knownBase && { knownBase: files.options.knownBase }),
    ...(files.options.report && { duplicates: "observe" }),
  });
  let understood = understand(tensors, options(adapterConfigs.found));
  const [only] = understood.adapters.values();
  const top = adapterConfigs.found.get("default");
  // A config at the top is the one adapter's, whatever the names in a state dict call it.
  if (understood.adapters.size === 1 && only !== undefined && only.config === undefined && top !== undefined)
    understood = understand(tensors, options(new Map([[only.name, top]])));
  const expected = new Set([
    ...(parts.isSplit === true ? ["TENON_BASE_LORA_LEFT"] : []),
    ...(parts.isLive === true ? ["TENON_NAMES_BASE_LAYER"] : []),
  ]);
  for (const observation of understood.observations)
    if (!expected.has(observation.code)) files.notices.note(observation);
  return understood;
}
