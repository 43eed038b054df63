// An adapter of mlx-lm in PEFT's words: names as PEFT writes them, factors turned, a config with α for the scale.

import { givenConfig } from "../adapter-configs.ts";
import type { CheckpointFiles } from "../checkpoint-files.ts";
import { sortParts } from "../components.ts";
import { readJsonDocument } from "../documents.ts";
import type { CheckpointParts } from "../opened-checkpoint.ts";
import { malformed, peftConfigOf, readMlxConfig } from "./config.ts";
import { MlxModules } from "./modules.ts";
import { mlxConfigName, mlxWeightsName } from "./wire.ts";

/**
 * @throws FormatError TENON_MLX_CONFIG; UnsupportedError TENON_MLX_FULL, TENON_MLX_TENSOR; PlanError TENON_MLX_SCALE,
 *   TENON_MLX_EMBEDDING
 */
export async function readMlxAdapter(
  files: CheckpointFiles,
): Promise<Pick<CheckpointParts, "base" | "adapters" | "entries">> {
  const { adapterConfig, knownBase } = files.options;
  const found = await readJsonDocument(files.tree, mlxConfigName);
  const config = readMlxConfig(found, adapterConfig !== undefined);
  const opened = await files.open(mlxWeightsName);
  const modules = new MlxModules(knownBase);
  for (const stored of opened.tensors) modules.add(stored);
  for (const { loraA, loraEmbeddingA } of modules.all) {
    const rank = (loraA ?? loraEmbeddingA)?.shape[0];
    if (rank !== undefined && rank !== config.loraRank)
      throw malformed("lora_parameters.rank", config.loraRank, `the ${rank} of the tensors`);
  }
  const peftConfig = peftConfigOf(config, modules.all, modules.isTied);
  const { base, adapters, entries } = sortParts(
    {
      adapterFiles: [{ name: "default", opened: { ...opened, tensors: modules.tensors } }],
      adapterConfigs: {
        found: new Map([["default", { config: peftConfig, from: mlxConfigName }]]),
        ...(adapterConfig && { given: { config: adapterConfig, from: givenConfig } }),
      },
    },
    files,
  );
  return { base, adapters, entries };
}
