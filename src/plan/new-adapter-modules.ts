import {
  conv1dModels,
  embeddingNames,
  matchesTarget,
  mergeObstacles,
  parseLoraConfig,
  resolveRankAndAlpha,
} from "../adapters/index.ts";
import type { JsonRecord, NameMeaning, Role, Shape } from "../core/index.ts";
import { adapterKind, targetsUnclear } from "./edit-refusals.ts";
import type { EditState } from "./edit-state.ts";
import type { NewTensor } from "./new-factor.ts";

/** Heads are linear layers, though they share an embedding's shape. */
const heads: ReadonlySet<string> = new Set(["lm_head", "embed_out"]);

/**
 * The tensors of an adapter that only its config describes: a pair for each linear layer that `target_modules` names, F32, in
 * which PEFT keeps adapters (`autocast_adapter_dtype`).
 * @throws PlanError TENON_EDIT_TARGETS; UnsupportedError TENON_EDIT_ADAPTER_KIND; FormatError TENON_ADAPTER_CONFIG_FIELD
 */
export function modulesFor(
  state: EditState,
  name: string,
  record: JsonRecord,
): { readonly tensors: readonly NewTensor[]; readonly config: JsonRecord } {
  const config = parseLoraConfig(record, "--like");
  const odd = mergeObstacles(config)[0]?.reason ?? oddities(config);
  if (odd !== undefined) throw adapterKind(name, `is not made from its config: ${odd}`, state);
  const { modelConfig, carried } = state.input;
  const modelType = modelConfig?.["model_type"];
  const facts = typeof modelType === "string" ? { modelType } : {};
  const isConv1d = config.fanInFanOut || (typeof modelType === "string" && conv1dModels.has(modelType));
  const shapes = new Map<string, Shape>();
  for (const tensors of [state.input.known, carried.base?.tensors ?? []])
    for (const [parameter, { shape }] of tensors)
      if (parameter.endsWith(".weight")) shapes.set(parameter.slice(0, -".weight".length), shape);
  if (shapes.size === 0) throw targetsUnclear(name, "there is no base to put it on", state);
  const tensors: NewTensor[] = [];
  for (const [path, shape] of shapes) {
    const match = matchesTarget(config, path, facts);
    if (match === "unknown") throw targetsUnclear(name, "its config leaves target_modules to PEFT", state);
    if (match !== "target") continue;
    const last = path.slice(path.lastIndexOf(".") + 1);
    if (shape.length !== 2 || (embeddingNames.has(last) && !heads.has(last)))
      throw adapterKind(name, `targets ${path} [${shape.join(", ")}], which is no linear layer`, state);
    const { loraRank } = resolveRankAndAlpha(config, path);
    const [rows = 0, cols = 0] = isConv1d && !heads.has(last) ? [...shape].reverse() : shape;
    tensors.push(tensor("loraA", path, [loraRank, cols]), tensor("loraB", path, [rows, loraRank]));
    if (config.hasLoraBias) tensors.push(tensor("loraBias", path, [rows]));
  }
  if (tensors.length === 0)
    throw targetsUnclear(name, "its target_modules match no layer of the base", state);
  return { tensors, config: record };
}

function oddities({
  useDora, targetParameters, modulesToSave, trainableTokens, bias, useKasa, useVelora, useMontecLora,
}: ReturnType<typeof parseLoraConfig>): string | undefined {
  if (useDora) return "DoRA starts from the norms of the base";
  if (targetParameters.length > 0) return "it has target_parameters";
  if (modulesToSave.length > 0 || trainableTokens.length > 0) return "it carries parameters whole";
  if (bias !== "none") return `bias is ${JSON.stringify(bias)}`;
  return useKasa || useVelora || useMontecLora ? "it is a variant of LoRA with more tensors" : undefined;
} // biome-ignore format: one list

function tensor(role: Role, module: string, shape: Shape): NewTensor {
  const meaning: NameMeaning = { role, module, leaf: "", nesting: 0, wrappers: [] };
  return { meaning, dtype: "F32", shape };
}
