// An adapter of mlx-lm in PEFT's words: names as PEFT writes them, factors turned, a config with α for the scale.
import { givenConfig } from "../adapter-configs.ts";
import type { CheckpointFiles } from "../checkpoint-files.ts";
import { sortParts } from "../components.ts";
import { findJsonDocument } from "../documents.ts";
import type { FoundConfig } from "../found-config.ts";
import type { CheckpointParts } from "../opened-checkpoint.ts";
import { malformed, peftConfigOf, readMlxConfig } from "./config.ts";
import { MlxModules } from "./modules.ts";
import { mlxConfigName } from "./wire.ts";

/**
 * @param weights the file of the tensors; without a config beside it the scale is not known, as of a raw state dict
 * @throws FormatError TENON_MLX_CONFIG; UnsupportedError TENON_MLX_FULL, TENON_MLX_TENSOR; PlanError TENON_MLX_SCALE,
 *   TENON_MLX_EMBEDDING
 */
export async function readMlxAdapter(
  files: CheckpointFiles,
  weights: string,
): Promise<Pick<CheckpointParts, "base" | "adapters" | "entries">> {
  const { adapterConfig, alpha, configsAround, knownBase } = files.options;
  // A file of its own may come with the config that lies beside it, which is then MLX's too.
  const isForeign = adapterConfig !== undefined && adapterConfig["peft_type"] === undefined;
  const given = isForeign ? undefined : adapterConfig;
  const config = isForeign ? adapterConfig : await findJsonDocument(files.tree, mlxConfigName);
  const settings = config && readMlxConfig(config, { isScaleGiven: given !== undefined, alpha });
  const opened = await files.open(weights);
  const modules = new MlxModules(knownBase);
  for (const stored of opened.tensors) modules.add(stored);
  const found = new Map<string, FoundConfig>(configsAround);
  if (settings !== undefined) {
    for (const { loraA, loraEmbeddingA } of modules.all) {
      const rank = (loraA ?? loraEmbeddingA)?.shape[0];
      if (rank !== undefined && rank !== settings.loraRank)
        throw malformed("lora_parameters.rank", settings.loraRank, `the ${rank} of the tensors`);
    }
    const peftConfig = peftConfigOf(settings, modules.all, modules.isTied);
    found.set("default", { config: peftConfig, from: mlxConfigName });
  }
  const { base, adapters, entries } = sortParts(
    {
      adapterFiles: [{ name: "default", opened: { ...opened, tensors: modules.tensors } }],
      adapterConfigs: {
        found,
        ...(given && { given: { config: given, from: givenConfig } }),
      },
    },
    files,
  );
  return { base, adapters, entries };
}
