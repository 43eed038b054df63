// A model whose base and adapters lie in files of their own: `base/…` and `adapters/<name>/…`.
import type { Understanding } from "../adapters/index.ts";
import { type FileEntry, type JsonRecord, safeFileName, type Tensor } from "../core/index.ts";
import { givenConfig } from "./adapter-configs.ts";
import { adapterConfigName, adapterWeightNames } from "./adapter-files.ts";
import type { CheckpointFiles } from "./checkpoint-files.ts";
import { type AdapterFile, sortParts } from "./components.ts";
import { findJsonDocument } from "./documents.ts";
import type { FoundConfig } from "./found-config.ts";

export interface SplitModel {
  readonly base: readonly Tensor[] | undefined;
  /** False: `base` is a part of a model, whose names say nothing about the names of the whole. */
  readonly isWhole: boolean;
  readonly config: JsonRecord | undefined;
  /** Names of the adapters, in order; each has a folder of its name. */
  readonly adapters: readonly string[];
  /** Base parameters go by the names of the live model. */
  readonly isLive?: boolean;
}

/** @throws what reading and naming them throws; FormatError TENON_PATH_UNSAFE for an adapter's name that is no folder */
export async function readSplitModel(
  files: CheckpointFiles,
  listed: readonly FileEntry[],
  { base: model, isWhole, config: modelConfig, adapters, isLive = false }: SplitModel,
): Promise<Pick<Understanding, "base" | "adapters" | "entries">> {
  const adapterFiles: AdapterFile[] = [];
  const found = new Map<string, FoundConfig>();
  for (const name of adapters) {
    const directory = adapterFolder(name);
    const config = await findJsonDocument(files.tree, directory + adapterConfigName);
    if (config !== undefined) found.set(name, { config, from: directory + adapterConfigName });
    const weights = adapterWeightNames.find((file) => listed.some(({ path }) => path === directory + file));
    if (weights !== undefined) adapterFiles.push({ name, opened: await files.open(directory + weights) });
  }
  const given = files.options.adapterConfig;
  const adapterConfigs = { found, ...(given && { given: { config: given, from: givenConfig } }) };
  if (isWhole)
    return sortParts({ model, modelConfig, adapterFiles, adapterConfigs, isSplit: true, isLive }, files);
  const base = sortParts(
    { model, modelConfig, adapterFiles: [], adapterConfigs: { found: new Map() }, isLive },
    files,
  );
  const rest = sortParts({ modelConfig, adapterFiles, adapterConfigs }, files);
  return {
    ...(base.base && { base: base.base }),
    adapters: rest.adapters,
    entries: [...base.entries, ...rest.entries],
  };
}

/** Where an adapter of this name lies, with a slash at its end. @throws FormatError TENON_PATH_UNSAFE */
export function adapterFolder(name: string): string {
  return `adapters/${safeFileName(name, "an adapter's name")}/`;
}
