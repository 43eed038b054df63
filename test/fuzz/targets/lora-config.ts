import {
  derivedLoraConfig,
  matchesTarget,
  mergeObstacles,
  parseLoraConfig,
  scalingOf,
  understand,
} from "../../../src/adapters/index.ts";
import {
  byteLengthOf,
  isJsonRecord,
  type JsonRecord,
  parseJsonRecord,
  type Tensor,
} from "../../../src/core/index.ts";
import { anyChange, anyJsonValue } from "../json-input.ts";
import type { Random } from "../random.ts";
import type { FuzzTarget } from "../target.ts";

const utf8 = new TextEncoder();

/** What an input says: `{"lora": adapter_config.json, "model": config.json, "names": [stored names]}`. */
function run(input: Uint8Array): void {
  const document = parseJsonRecord(new TextDecoder().decode(input), { file: "fuzz" });
  const [lora, model] = [recordOf(document, "lora"), recordOf(document, "model")];
  const names = document["names"];
  const stored = (Array.isArray(names) ? names : []).filter((name) => typeof name === "string");
  const tensors = [...new Set(stored)].map(tensorNamed);
  // Even lengths are an adapter's file, odd ones the state of a model.
  const adapterFiles = new Map(input.length % 2 === 0 ? [["fuzz", "default"] as const] : []);
  const adapterConfigs = new Map([["default", { config: lora, from: "fuzz" }]]);
  const { adapters } = understand(tensors, { adapterFiles, adapterConfigs, config: model });
  for (const { modules } of adapters.values())
    parseLoraConfig(derivedLoraConfig(modules.values(), 16), "fuzz");
  const config = parseLoraConfig(lora, "fuzz");
  mergeObstacles(config);
  const modelType = model["model_type"];
  for (const { name } of tensors) {
    matchesTarget(config, name, { modelType: typeof modelType === "string" ? modelType : "llama" });
    scalingOf(config, name);
  }
}

function recordOf(document: JsonRecord, key: string): JsonRecord {
  const value = document[key];
  return value !== undefined && isJsonRecord(value) ? value : {};
}

const shapes = [[2, 8], [8, 2], [8], [], [0, 8], [2, 2, 2]];

function tensorNamed(name: string): Tensor {
  const shape = shapes[name.length % shapes.length] as number[];
  const byteLength = byteLengthOf("F32", shape);
  return { id: name, name, dtype: "F32", shape, byteLength, file: "fuzz", read: async () => {} };
}

const segments = [
  "base_model", "model", "module", "layers", "0", "1", "self_attn", "q_proj", "experts", "base_layer", "lora_A", "lora_B",
  "lora_embedding_A", "lora_magnitude_vector", "default", "weight", "bias", "modules_to_save", "original_module",
  "token_adapter", "trainable_tokens_delta", "_orig_mod", "lm_head", "embed_tokens", "", "__proto__", "lora_", "absmax",
]; // biome-ignore format: a list

const patterns = [
  ".*q_proj", "(a+)+$", "[q", "(?<=x)y", "(?P<n>q)(?P=n)", "\\d{1,999}", "((a{9}){9}){9}", "(?i)Q_PROJ", "\\bq", "[^.]+$", "a|",
  "q_proj", "all-linear", "", "\\", "x{,3}", "(?:)*", "\u{1f600}",
]; // biome-ignore format: a list

const fields: readonly (readonly [string, (random: Random) => unknown])[] = [
  ["r", (random) => random.pick([2, 8, 0, -1, 1e9])],
  ["lora_alpha", (random) => random.pick([16, 0, -1, 1e300, "16"])],
  ["target_modules", (random) => random.pick([random.pick(patterns), [random.pick(segments)], null])],
  ["exclude_modules", (random) => random.pick(patterns)],
  ["rank_pattern", (random) => ({ [random.pick(patterns)]: 4, [random.pick(segments)]: 8 })],
  ["alpha_pattern", (random) => ({ [random.pick(patterns)]: 4 })],
  ["layers_to_transform", (random) => random.pick([[0, 1], 0, [], "x"])],
  ["layers_pattern", (random) => random.pick([random.pick(patterns), "layers"])],
  ["modules_to_save", (random) => [random.pick([...patterns, ...segments])]],
  ["target_parameters", (random) => [`experts.${random.pick(segments)}`]],
  ["trainable_token_indices", (random) => random.pick([[1, 2], { embed_tokens: [0] }, [-1]])],
  ["use_dora", (random) => random.below(2) === 0],
  ["use_rslora", (random) => random.below(2) === 0],
  ["init_lora_weights", (random) => random.pick([true, "pissa", "kasa", "x"])],
  ["bias", (random) => random.pick(["none", "all", "lora_only", "x"])],
];

function generate(random: Random): Uint8Array {
  const lora: Record<string, unknown> = {
    peft_type: "LORA",
    r: 2,
    lora_alpha: 4,
    target_modules: ["q_proj"],
  };
  for (let count = random.below(4); count > 0; count--) {
    const [field, make] = random.pick(fields);
    lora[field] = random.below(10) === 0 ? anyJsonValue(random, patterns) : make(random);
  }
  const names = Array.from({ length: random.below(12) }, () =>
    Array.from({ length: 1 + random.below(7) }, () => random.pick(segments)).join("."),
  );
  const model = {
    model_type: random.pick(["llama", "gpt2", "__proto__"]),
    num_hidden_layers: 2,
    vocab_size: 8,
  };
  const document = { lora, model: random.below(6) === 0 ? anyChange(model, random, segments) : model, names };
  return utf8.encode(JSON.stringify(document));
}

export const loraConfigTarget: FuzzTarget = {
  name: "lora-config",
  run,
  seeds: () => [
    utf8.encode(
      JSON.stringify({
        lora: {
          peft_type: "LORA",
          r: 2,
          lora_alpha: 4,
          target_modules: ["q_proj"],
          rank_pattern: { ".*k_proj": 4 },
        },
        model: { model_type: "llama", tie_word_embeddings: true },
        names: [
          "base_model.model.model.layers.0.self_attn.q_proj.lora_A.default.weight",
          "model.embed_tokens.weight",
        ],
      }),
    ),
  ],
  generate,
};
