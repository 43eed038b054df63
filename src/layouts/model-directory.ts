import { type DraftBase, type Json, jsonText, type OutputFile, type Recipe } from "../core/index.ts";
import type { ArrangeOptions } from "./layout.ts";
import { planShards, recipeBytes, recipeElements } from "./shard-plan.ts";

/**
 * The files of a transformers directory as `save_pretrained` of transformers 5.18 writes them: config.json, and
 * model.safetensors or numbered shards with their index.
 * @param directory where in the output, with a slash at its end; "" for the output itself
 */
export function modelDirectory(base: DraftBase, options: ArrangeOptions, directory = ""): OutputFile[] {
  const files: OutputFile[] = [];
  if (base.config !== undefined) {
    const text = `${jsonText(base.config, { indent: 2, sortKeys: true })}\n`;
    files.push({ kind: "text", path: `${directory}config.json`, text });
  }
  const shards = planShards(base, options.maxShardBytes);
  const weightMap: [string, string][] = [];
  for (const [at, { names }] of shards.entries()) {
    const path = shards.length <= 1 ? "model.safetensors" : shardName(at + 1, shards.length);
    const entries = names.map((name) => ({ name, recipe: base.tensors.get(name) as Recipe }));
    for (const name of names) weightMap.push([name, path]);
    files.push({
      kind: "tensors",
      path: directory + path,
      format: "safetensors",
      entries,
      metadata: { format: "pt" },
    });
  }
  if (shards.length > 1) {
    const path = `${directory}model.safetensors.index.json`;
    files.push({ kind: "text", path, text: indexText([...base.tensors.values()], weightMap) });
  }
  return files;
}

function shardName(number: number, total: number): string {
  const padded = (count: number): string => String(count).padStart(5, "0");
  return `model-${padded(number)}-of-${padded(total)}.safetensors`;
}

/**
 * `total_size` is the bytes of all tensors. `total_parameters` counts their elements: transformers counts the
 * parameters of the live model, which is the same number but for stored buffers.
 */
function indexText(recipes: readonly Recipe[], weightMap: readonly (readonly [string, string])[]): string {
  const sum = (count: (recipe: Recipe) => number): number =>
    recipes.reduce((total, recipe) => total + count(recipe), 0);
  const metadata = { total_parameters: sum(recipeElements), total_size: sum(recipeBytes) };
  const files = Object.create(null) as Record<string, Json>;
  for (const [name, file] of weightMap) files[name] = file;
  return `${jsonText({ metadata, weight_map: files }, { indent: 2, sortKeys: true })}\n`;
}
