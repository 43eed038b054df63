import { peftMemoryName } from "../../adapters/index.ts";
import {
  type Draft,
  type DraftAdapter,
  type DraftBase,
  jsonText,
  type OutputFile,
  PlanError,
} from "../../core/index.ts";
import { adapterConfigText, adapterPlace } from "../adapter-directory.ts";
import { adapterConfigName } from "../adapter-files.ts";
import type { ArrangeOptions } from "../layout.ts";
import { baseInMemory, distinctNames } from "../wrapped-names.ts";

/** Not `model.safetensors`, which would make a transformers directory of it. */
const fileName = "state_dict.safetensors";

/**
 * One file with the names that `model.state_dict()` of a live PeftModel has, and beside it what the names do not say:
 * config.json and adapter_config.json (that of an adapter not called `default` in a folder of its name).
 * Without adapters the names are the base model's own. As a file for torch.load it is the tensors alone, with tied weights
 * under both of their names.
 * @throws PlanError TENON_LAYOUT_NEEDS_WHOLE_BASE for part of a base, TENON_LAYOUT_SAME_NAME
 */
export function arrangeStateDict(draft: Draft, options: ArrangeOptions = {}): readonly OutputFile[] {
  const { base, adapters } = draft;
  if (base?.isComplete === false) {
    const message = `state-dict: needs a whole base model or none, found ${base.tensors.size} tensors of it`;
    throw new PlanError("TENON_LAYOUT_NEEDS_WHOLE_BASE", message, {
      details: { layout: "state-dict", tensors: base.tensors.size },
      hint: "Give the base model: --base DIR",
    });
  }
  const own = [...(base?.tensors ?? [])].map(([name, recipe]) => ({ name, recipe }));
  const entries = adapters.length === 0 ? own : baseInMemory(base?.tensors ?? new Map(), adapters);
  for (const { name: adapter, parameters } of adapters) {
    for (const { meaning, recipe } of parameters)
      entries.push({ name: peftMemoryName(meaning, adapter), recipe });
  }
  if (options.isTorchFile === true)
    return [
      {
        kind: "tensors",
        path: "state_dict.pt",
        format: "torch",
        entries: distinctNames("state-dict", entries),
        metadata: {},
        aliases: aliasesIn(base, adapters),
      },
    ];
  const files: OutputFile[] = [
    {
      kind: "tensors",
      path: fileName,
      format: "safetensors",
      entries: distinctNames("state-dict", entries),
      metadata: { format: "pt" },
    },
  ];
  if (base?.config !== undefined) {
    const text = `${jsonText(base.config, { indent: 2, sortKeys: true })}\n`;
    files.push({ kind: "text", path: "config.json", text });
  }
  for (const adapter of adapters) {
    const text = adapterConfigText(adapter);
    if (text !== undefined)
      files.push({ kind: "text", path: adapterPlace(adapter.name) + adapterConfigName, text });
  }
  for (const { path, source } of draft.companions) files.push({ kind: "copy", path, source });
  return files;
}

/** Tied parameters that are not stored, under the names that they have beside the others: alias → owner. */
function aliasesIn(
  base: DraftBase | undefined,
  adapters: readonly DraftAdapter[],
): ReadonlyMap<string, string> {
  const aliases = new Map<string, string>();
  for (const [alias, owner] of base?.ties ?? []) {
    const recipe = base?.tensors.get(owner);
    if (recipe === undefined || base?.tensors.has(alias) === true) continue;
    const [from = alias, to = owner] =
      adapters.length === 0
        ? [alias, owner]
        : [alias, owner].map((name) => baseInMemory(new Map([[name, recipe]]), adapters)[0]?.name);
    aliases.set(from, to);
  }
  return aliases;
}
