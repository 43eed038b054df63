import { peftDiskName } from "../adapters/index.ts";
import {
  type DraftAdapter,
  jsonText,
  type OutputFile,
  PlanError,
  safeFileName,
  withFields,
} from "../core/index.ts";
import { adapterConfigName } from "./adapter-files.ts";
import { distinctNames, type NamedRecipe } from "./wrapped-names.ts";

export interface AdapterDirectoryOptions {
  /** Named in errors. */
  readonly layout: string;
  /** Where in the output, with a slash at its end; "" for the output itself. */
  readonly directory: string;
  /** More tensors for the adapter's file, under their final names. */
  readonly more?: readonly NamedRecipe[];
  /** PEFT cannot load an adapter without a config; the tenon layout keeps one all the same. */
  readonly needsConfig: boolean;
}

/**
 * One adapter's directory as PEFT's `save_pretrained` writes it: `adapter_config.json` (two spaces, sorted keys, no
 * newline at its end, `inference_mode` true) and `adapter_model.safetensors` with `{"format": "pt"}`.
 * @throws PlanError TENON_LAYOUT_NEEDS_ADAPTER_CONFIG, TENON_LAYOUT_SAME_NAME
 */
export function adapterDirectory(
  adapter: DraftAdapter,
  { layout, directory, more = [], needsConfig }: AdapterDirectoryOptions,
): OutputFile[] {
  const own = adapter.parameters.map(({ meaning, recipe }) => ({ name: peftDiskName(meaning), recipe }));
  const files: OutputFile[] = [];
  const text = adapterConfigText(adapter);
  if (text !== undefined) files.push({ kind: "text", path: directory + adapterConfigName, text });
  else if (needsConfig) throw noConfig(layout, adapter.name);
  files.push({
    kind: "tensors",
    path: `${directory}adapter_model.safetensors`,
    format: "safetensors",
    entries: distinctNames(layout, [...own, ...more]),
    metadata: { format: "pt" },
  });
  return files;
}

/** adapter_config.json as PEFT writes it; undefined when nothing is known. */
export function adapterConfigText({ config }: DraftAdapter): string | undefined {
  if (Object.keys(config).length === 0) return undefined;
  return jsonText(withFields(config, { inference_mode: true }), { indent: 2, sortKeys: true });
}

/** Where PEFT puts an adapter: `default` at the top, every other in a folder of its name. */
export function adapterPlace(name: string): string {
  return name === "default" ? "" : `${safeFileName(name, "an adapter's name")}/`;
}

/** @throws PlanError TENON_LAYOUT_NEEDS_ADAPTER_CONFIG */
function noConfig(layout: string, adapter: string): PlanError {
  return new PlanError(
    "TENON_LAYOUT_NEEDS_ADAPTER_CONFIG",
    `${layout}: PEFT loads no adapter without adapter_config.json, and none is known for ${JSON.stringify(adapter)}`,
    { details: { layout, adapter }, hint: "Give it: --adapter-config FILE, or --alpha N" },
  );
}
