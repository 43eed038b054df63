import type { ModuleRule } from "./lora-config.ts";

/**
 * What PEFT targets when `target_modules` is null, by `model_type`. It writes the result into adapter_config.json, so the
 * table matters only for configs written by hand.
 * @see peft 0.21 `utils/constants.py` TRANSFORMERS_MODELS_TO_LORA_TARGET_MODULES_MAPPING
 */
const table: ReadonlyMap<string, ModuleRule> = new Map<string, ModuleRule>([
  ...Object.entries({
    "q v": "t5 mt5",
    "q_proj v_proj":
      "bart opt gptj gpt_neo llama llama4 mistral mixtral stablelm gemma gemma2 gemma3_text qwen2 qwen3",
    c_attn: "gpt2 gpt_bigcode",
    query_key_value: "bloom gpt_neox chatglm RefinedWebModel RefinedWeb falcon",
    "q v q_proj v_proj": "blip-2",
    "query value": "bert roberta xlm-roberta electra layoutlm",
    "query_proj value_proj": "deberta-v2",
    in_proj: "deberta",
    Wqkv: "mpt",
    "c_proj c_attn": "btlm",
    qkv_proj: "codegen",
    "q_proj v_proj fc1 fc2": "phi",
    "q_proj k_proj v_proj o_proj": "nemotron_h",
    "key value receptance output": "rwkv",
    "r_proj k_proj v_proj o_proj key value": "rwkv7",
  }).flatMap(([names, types]) =>
    types.split(" ").map((type): [string, ModuleRule] => [type, { kind: "names", names: names.split(" ") }]),
  ),
  ["gemma4", { kind: "regex", pattern: ".*language_model\\..*\\.(q_proj|v_proj)" }],
]);

/** PEFT's own choice of modules for an architecture; null where it has none. */
export function defaultTargets(modelType: string | undefined): ModuleRule | null {
  return (modelType !== undefined && table.get(modelType)) || null;
}
