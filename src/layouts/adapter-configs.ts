import type { SourceTree } from "../bytes/index.ts";
import type { FileEntry } from "../core/index.ts";
import { adapterConfigName, adapterFolders } from "./adapter-files.ts";
import { readJsonDocument } from "./documents.ts";
import type { FoundConfig } from "./found-config.ts";
import type { OpenOptions } from "./layout.ts";

/** What is known about the adapters of a source besides their tensors. */
export interface AdapterConfigs {
  /** By adapter name. */
  readonly found: ReadonlyMap<string, FoundConfig>;
  /** Given by the caller: counts for every adapter, since it was given because what is there does not do. */
  readonly given?: FoundConfig;
}

/** How {@link FoundConfig.from} names a config that the caller gave. */
export const givenConfig = "the adapterConfig option";

/**
 * The adapter configs of a directory by adapter name: `adapter_config.json` at the top belongs to `default`, one in a
 * folder to the adapter of that name, and those around the source count for names that have none. Paths are relative to
 * `tree`.
 */
export async function readAdapterConfigs(
  tree: SourceTree,
  files: readonly FileEntry[],
  { adapterConfig: given, configsAround }: Pick<OpenOptions, "adapterConfig" | "configsAround">,
): Promise<AdapterConfigs> {
  const paths = new Set(files.map(({ path }) => path));
  const places: [string, string][] = [["default", adapterConfigName]];
  for (const folder of adapterFolders(files)) places.push([folder, `${folder}/${adapterConfigName}`]);
  const configs = new Map<string, FoundConfig>();
  for (const [name, path] of places) {
    // The top stands first, so a folder that is called default does not take its place.
    if (!paths.has(path) || configs.has(name)) continue;
    configs.set(name, { config: await readJsonDocument(tree, path), from: path });
  }
  for (const [name, found] of configsAround ?? []) if (!configs.has(name)) configs.set(name, found);
  return { found: configs, ...(given && { given: { config: given, from: givenConfig } }) };
}
