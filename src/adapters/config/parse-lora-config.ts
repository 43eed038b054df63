import { FormatError, type JsonRecord, UnsupportedError } from "../../core/index.ts";
import { reasonAgainst } from "./adapter-types.ts";
import { ConfigFields } from "./fields.ts";
import type { BiasMode, LoraConfig } from "./lora-config.ts";

/** Keys that PEFT writes and that change neither names nor weights. */
const otherKeys: ReadonlySet<string> = new Set([
  "peft_type", "auto_mapping", "inference_mode", "lora_dropout", "megatron_config", "megatron_core", "loftq_config",
  "eva_config", "corda_config", "lora_ga_config", "qalora_group_size", "runtime_config",
  // Written by PEFT before 0.3.
  "enable_lora", "merge_weights", "modules_mapping",
]); // biome-ignore format: one list

const biasModes: ReadonlySet<string | null> = new Set(["none", "all", "lora_only"]);

/**
 * Reads adapter_config.json of a LoRA adapter.
 *
 * @param from where it came from, for messages
 * @throws UnsupportedError TENON_ADAPTER_TYPE for another `peft_type`, with the reason; FormatError
 *   TENON_ADAPTER_CONFIG_FIELD for a value of the wrong type
 */
export function parseLoraConfig(json: JsonRecord, from: string): LoraConfig {
  requireLora(json, from);
  const fields = new ConfigFields(json, from);
  const bias = fields.text("bias") ?? "none";
  if (!biasModes.has(bias)) {
    const message = `peft: bias is ${JSON.stringify(bias)}; it must be none, all or lora_only (${from})`;
    throw new FormatError("TENON_ADAPTER_CONFIG_FIELD", message, {
      details: { key: "bias", found: bias, from },
    });
  }
  const config = {
    taskType: fields.text("task_type"),
    peftVersion: fields.text("peft_version"),
    baseModel: fields.text("base_model_name_or_path"),
    revision: fields.text("revision"),
    loraRank: fields.rank("r", 8),
    loraAlpha: fields.number("lora_alpha", 8),
    useRslora: fields.boolean("use_rslora", false),
    useDora: fields.boolean("use_dora", false),
    hasLoraBias: fields.boolean("lora_bias", false),
    fanInFanOut: fields.boolean("fan_in_fan_out", false),
    bias: bias as BiasMode,
    rankPattern: fields.patterns("rank_pattern", "ranks"),
    alphaPattern: fields.patterns("alpha_pattern", "alphas"),
    targetModules: fields.rule("target_modules"),
    excludeModules: fields.rule("exclude_modules"),
    targetParameters: fields.texts("target_parameters"),
    modulesToSave: fields.texts("modules_to_save"),
    layersToTransform: fields.counts("layers_to_transform"),
    layersPattern: fields.texts("layers_pattern"),
    trainableTokens: fields.tokens("trainable_token_indices"),
    initLoraWeights: fields.flagOrText("init_lora_weights"),
    ensureWeightTying: fields.boolean("ensure_weight_tying", false),
    aloraInvocationTokens: fields.counts("alora_invocation_tokens"),
    useQalora: fields.boolean("use_qalora", false),
    useArrow: fields.isGiven("arrow_config"),
    useKasa: fields.isGiven("kasa_config") || json["init_lora_weights"] === "kasa",
    useMontecLora: fields.isGiven("monteclora_config"),
    useVelora: fields.isGiven("velora_config"),
    bdlora: fields.bdlora("use_bdlora"),
    layerReplication: fields.ranges("layer_replication"),
  };
  return { ...config, unknownKeys: fields.unknownKeys(otherKeys), record: json, from };
}

function requireLora(json: JsonRecord, from: string): void {
  const type = json["peft_type"];
  if (type === "LORA") return;
  if (typeof type !== "string") {
    const message = `peft: peft_type is ${JSON.stringify(type ?? null)}; an adapter must name its type (${from})`;
    throw new FormatError("TENON_ADAPTER_CONFIG_FIELD", message, { details: { key: "peft_type", from } });
  }
  const message = `peft: adapter type ${type} is not LORA: ${reasonAgainst(type)} (${from})`;
  throw new UnsupportedError("TENON_ADAPTER_TYPE", message, {
    details: { peftType: type, reason: reasonAgainst(type), from },
    hint: "Merge it with PEFT's merge_and_unload, or convert it to LoRA there first.",
  });
}
