import { type Draft, jsonText, type OutputFile } from "../core/index.ts";
import { adapterConfigText, adapterPlace } from "./adapter-directory.ts";
import { adapterConfigName } from "./adapter-files.ts";

/**
 * What the names in a state dict do not say, as files beside it: config.json, the adapter_config.json of each adapter (that of
 * one not called `default` in a folder of its name), and the model's companions.
 */
export function modelDocuments({ base, adapters, companions }: Draft): OutputFile[] {
  const files: OutputFile[] = [];
  if (base?.config !== undefined) {
    const text = `${jsonText(base.config, { indent: 2, sortKeys: true })}\n`;
    files.push({ kind: "text", path: "config.json", text });
  }
  for (const adapter of adapters) {
    const text = adapterConfigText(adapter);
    if (text !== undefined)
      files.push({ kind: "text", path: adapterPlace(adapter.name) + adapterConfigName, text });
  }
  for (const { path, source } of companions) files.push({ kind: "copy", path, source });
  return files;
}
