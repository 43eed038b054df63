// Configs of adapters that lie beside what the user pointed at, where that is less than the trainer saved.
import { readDocument, type SourceTree } from "../bytes/index.ts";
import { parseJsonRecord } from "../core/index.ts";
import { isTagFolder, type OpenOptions, readAdapterConfigs } from "../layouts/index.ts";
import type { Host, Source } from "./host.ts";

type Around = Pick<OpenOptions, "adapterConfig" | "configsAround">;

/**
 * A file that is opened alone does not see the adapter_config.json beside it, which says alpha; nor does a folder of
 * DeepSpeed (`checkpoint-500/global_step500`) see those of the Trainer's folder around it. Only local paths are looked around.
 */
export async function configsAround(host: Host, source: Source, tree: SourceTree): Promise<Around> {
  if (typeof source !== "string" || /^https?:/i.test(source)) return {};
  if (!tree.isSingleFile && !isTagFolder(await tree.list())) return {};
  const end = Math.max(tree.location.lastIndexOf("/"), tree.location.lastIndexOf("\\"));
  const around = await host.openTree(tree.location.slice(0, end + 1) || ".");
  try {
    return tree.isSingleFile ? await configOfFile(around) : await configsOfFolder(around);
  } finally {
    await around.close();
  }
}

async function configOfFile(around: SourceTree): Promise<Around> {
  const name = "adapter_config.json";
  if ((await around.find(name)) === undefined) return {};
  const text = new TextDecoder().decode(await readDocument(around, name));
  return { adapterConfig: parseJsonRecord(text, { file: name }) };
}

async function configsOfFolder(around: SourceTree): Promise<Around> {
  const { found } = await readAdapterConfigs(around, await around.list(), {});
  const named = [...found].map(([name, { config, from }]) => [name, { config, from: `../${from}` }] as const);
  return found.size === 0 ? {} : { configsAround: new Map(named) };
}
