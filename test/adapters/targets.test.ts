import { existsSync } from "node:fs";
import { describe, expect, it } from "vitest";
import {
  matchesTarget,
  parseLoraConfig,
  readNames,
  resolveRankAndAlpha,
  savedModuleOf,
  scalingOf,
  targetParameterOf,
  understand,
} from "../../src/adapters/index.ts";
import { isTenonError, type JsonRecord } from "../../src/core/index.ts";
import { caseNames, fixturePath, readJson, readTensors } from "./fixture.ts";

function config(fields: Record<string, unknown>): ReturnType<typeof parseLoraConfig> {
  return parseLoraConfig({ peft_type: "LORA", ...fields } as JsonRecord, "adapter_config.json");
}

const noDocuments = { adapterConfigs: new Map(), adapterFiles: new Map() };

describe.each(
  caseNames("merge").filter((name) =>
    existsSync(fixturePath(`merge/${name}/adapter/adapter_model.safetensors`)),
  ),
)("the targets of %s", (name) => {
  const record = readJson(`merge/${name}/adapter/adapter_config.json`);
  const lora = parseLoraConfig(record, name);
  const stored = readTensors(`merge/${name}/adapter/adapter_model.safetensors`);
  const { meanings } = readNames(
    stored.map((tensor) => tensor.name),
    { kind: "adapter" },
  );
  const low = [...meanings.values()].filter(({ role }) => /^lora(A|EmbeddingA)$/.test(role));
  const base = String(readJson(`merge/${name}/case.json`)["base"]);
  const weights = understand(readTensors(base), noDocuments).base?.tensors ?? new Map();

  it("are the modules that PEFT gave LoRA, no more and no fewer", () => {
    const given = new Set(
      low
        .filter(({ nesting, wrappedAt }) => nesting === 0 && wrappedAt === undefined)
        .map(({ module }) => module),
    );
    const isParameter = (path: string): boolean =>
      lora.targetParameters.some((name) => targetParameterOf(lora, `${path}.${name.split(".").at(-1)}`));
    // The counterpart that ensure_weight_tying wraps is no target of its own.
    if (lora.ensureWeightTying) given.delete("lm_head");
    for (const path of given)
      if (!isParameter(path)) expect([path, matchesTarget(lora, path)]).toEqual([path, "target"]);
    for (const parameter of weights.keys()) {
      const path = parameter.slice(0, parameter.lastIndexOf("."));
      if (matchesTarget(lora, path) === "target") expect(given).toContain(path);
    }
  });

  it("have the rank that is stored", () => {
    for (const tensor of stored) {
      const meaning = meanings.get(tensor.name);
      if (meaning?.role !== "loraA" || meaning.nesting > 0 || lora.targetParameters.length > 0) continue;
      expect([tensor.name, resolveRankAndAlpha(lora, meaning.module).loraRank]).toEqual([
        tensor.name,
        tensor.shape[0],
      ]);
    }
  });
});

describe("the scaling of a module", () => {
  const path = "model.layers.0.self_attn.q_proj";

  it("is alpha over rank, or over its root with rsLoRA", () => {
    expect(scalingOf(config({ r: 6, lora_alpha: 4 }), path)).toBe(4 / 6);
    expect(scalingOf(config({ r: 6, lora_alpha: 4, use_rslora: true }), path)).toBe(4 / Math.sqrt(6));
    expect(scalingOf(config({}), path)).toBe(1);
  });

  it("takes rank and alpha from patterns, each by its own first match in the order of the file", () => {
    const lora = config({
      r: 8,
      lora_alpha: 8,
      rank_pattern: { "layers\\.0\\..*": 2, q_proj: 4 },
      alpha_pattern: { v_proj: 1, "self_attn.q_proj": 16, q_proj: 32 },
    });
    expect(resolveRankAndAlpha(lora, path)).toEqual({ loraRank: 2, loraAlpha: 16 });
    expect(resolveRankAndAlpha(lora, "model.layers.1.self_attn.q_proj")).toEqual({
      loraRank: 4,
      loraAlpha: 16,
    });
  });

  it("finds a pattern that is the key itself though it does not match itself", () => {
    expect(resolveRankAndAlpha(config({ rank_pattern: { "w+b": 3 } }), "w+b").loraRank).toBe(3);
  });

  it("keeps names such as __proto__ and constructor apart from what objects have", () => {
    const record = JSON.parse(
      '{"peft_type": "LORA", "rank_pattern": {"__proto__": 3, "constructor": 5}}',
    ) as JsonRecord;
    const lora = parseLoraConfig(record, "c");
    expect(resolveRankAndAlpha(lora, "a.__proto__").loraRank).toBe(3);
    expect(resolveRankAndAlpha(lora, "a.toString").loraRank).toBe(8);
  });
});

describe("the target of a config", () => {
  const q = "model.layers.3.self_attn.q_proj";

  it.each<[unknown, string, string]>([
    [["q_proj"], q, "target"],
    [["_proj"], q, "no"],
    [["self_attn.q_proj"], q, "target"],
    [".*q_proj", q, "target"],
    ["q_proj", q, "no"],
    ["all-linear", q, "unknown"],
    ["ALL-LINEAR", q, "unknown"],
    [null, q, "unknown"],
  ])("%j matches %s: %s", (target, path, wanted) => {
    expect(matchesTarget(config({ target_modules: target }), path)).toBe(wanted);
  });

  it("falls back to PEFT's table for the architecture", () => {
    expect(matchesTarget(config({}), q, { modelType: "llama" })).toBe("target");
    expect(matchesTarget(config({}), "h.0.attn.c_attn", { modelType: "gpt2" })).toBe("target");
    expect(matchesTarget(config({}), q, { modelType: "nothing" })).toBe("unknown");
    expect(matchesTarget(config({ target_parameters: ["x"] }), q)).toBe("no");
  });

  it("is narrowed by layers, except for a path given in full", () => {
    const narrowed = config({ target_modules: ["q_proj"], layers_to_transform: [1, 3] });
    expect(matchesTarget(narrowed, q)).toBe("target");
    expect(matchesTarget(narrowed, q.replace("3", "2"))).toBe("no");
    expect(matchesTarget(config({ target_modules: [q], layers_to_transform: 1 }), q)).toBe("target");
    const named = config({
      target_modules: ["q_proj"],
      layers_to_transform: 3,
      layers_pattern: ["blocks", "layers"],
    });
    expect(matchesTarget(named, q)).toBe("target");
    expect(matchesTarget(named, "model.other.3.q_proj")).toBe("no");
    const expert = config({ target_modules: ["w1"], layers_to_transform: [1] });
    expect(matchesTarget(expert, "model.layers.1.experts.7.w1")).toBe("target");
  });

  it("loses to exclude_modules and modules_to_save", () => {
    expect(matchesTarget(config({ target_modules: ["q_proj"], exclude_modules: [q] }), q)).toBe("excluded");
    expect(matchesTarget(config({ target_modules: ["q_proj"], exclude_modules: ".*\\.3\\..*" }), q)).toBe(
      "excluded",
    );
    const saved = config({ target_modules: ["q_proj"], modules_to_save: ["self_attn"] });
    expect(matchesTarget(saved, q)).toBe("excluded");
  });

  it("saves whole modules by raw ending, as PEFT does", () => {
    const saved = config({ modules_to_save: ["norm", "lm_head"] });
    expect(savedModuleOf(saved, "model.layers.0.input_layernorm")).toBe("model.layers.0.input_layernorm");
    expect(savedModuleOf(saved, "lm_head.dense")).toBe("lm_head");
    expect(savedModuleOf(saved, "model.normal")).toBeUndefined();
  });

  it("refuses what cannot be run only when it is asked", () => {
    const lora = config({ target_modules: "(?!x).*" });
    expect(() => matchesTarget(lora, q)).toThrow(/lookahead/);
  });
});

describe("adapter_config.json", () => {
  it.each<[Record<string, unknown>, string]>([
    [{ r: "8" }, "TENON_ADAPTER_CONFIG_FIELD"],
    [{ r: 0 }, "TENON_ADAPTER_CONFIG_FIELD"],
    [{ r: 2.5 }, "TENON_ADAPTER_CONFIG_FIELD"],
    [{ lora_alpha: null, target_modules: [1] }, "TENON_ADAPTER_CONFIG_FIELD"],
    [{ bias: "some" }, "TENON_ADAPTER_CONFIG_FIELD"],
    [{ use_dora: 1 }, "TENON_ADAPTER_CONFIG_FIELD"],
    [{ rank_pattern: { q: -1 } }, "TENON_ADAPTER_CONFIG_FIELD"],
    [{ rank_pattern: ["q"] }, "TENON_ADAPTER_CONFIG_FIELD"],
    [{ layer_replication: [[0]] }, "TENON_ADAPTER_CONFIG_FIELD"],
    [{ trainable_token_indices: { a: [1.5] } }, "TENON_ADAPTER_CONFIG_FIELD"],
    [{ peft_type: null }, "TENON_ADAPTER_CONFIG_FIELD"],
    [{ peft_type: "LOHA" }, "TENON_ADAPTER_TYPE"],
    [{ peft_type: "SOMETHING_NEW" }, "TENON_ADAPTER_TYPE"],
  ])("%j is refused with %s", (fields, code) => {
    expect.assertions(2);
    try {
      config(fields);
    } catch (error) {
      if (!isTenonError(error)) throw error;
      expect(error.code).toBe(code);
      expect(error.message).toContain("adapter_config.json");
    }
  });

  it("keeps and lists keys that it does not know, and takes those of old versions", () => {
    const lora = config({ brand_new: 1, modules_mapping: {}, enable_lora: null, lora_alpha: 3.5 });
    expect(lora.unknownKeys).toEqual(["brand_new"]);
    expect(lora.record["brand_new"]).toBe(1);
    expect(lora.loraAlpha).toBe(3.5);
  });

  it("reads token indices as a list or one for each embedding", () => {
    expect(config({ trainable_token_indices: [3, 1] }).trainableTokens).toEqual([
      { module: null, indices: [3, 1] },
    ]);
    const tokens = config({ trainable_token_indices: { wte: [2] } }).trainableTokens;
    expect(tokens).toEqual([{ module: "wte", indices: [2] }]);
  });
});
