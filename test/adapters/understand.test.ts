import { existsSync, readdirSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { type Understanding, understand } from "../../src/adapters/index.ts";
import type { JsonRecord, Tensor } from "../../src/core/index.ts";
import { bare, type FixtureTensor, fixturePath, readJson, readTensors } from "./fixture.ts";

const none = { adapterConfigs: new Map(), adapterFiles: new Map() };
const codes = ({ observations }: Understanding): string[] => observations.map(({ code }) => code);
const bits = (tensor: Tensor | undefined): Float32Array | undefined =>
  (tensor as FixtureTensor | undefined)?.values;

const hybrids = ["all-linear-bf16", "qv", "tied-bf16"].flatMap((model) =>
  readdirSync(fixturePath(`hybrid/${model}/`))
    .flatMap((how) => [how, `${how}/checkpoint-3`])
    .filter((how) => !/^(?:base|truth|merged)\b/.test(how))
    .filter((how) => existsSync(fixturePath(`hybrid/${model}/${how}/model.safetensors`)))
    .map((how) => [model, how] as const),
);

describe("a hybrid checkpoint whose base moved", () => {
  it.each(hybrids)("%s, saved by %s, is base and adapter as they were", (model, how) => {
    const truth = existsSync(fixturePath(`hybrid/${model}/${how.split("/")[0]}/truth/base/config.json`))
      ? `hybrid/${model}/${how.split("/")[0]}/truth`
      : `hybrid/${model}/truth`;
    const config = readJson(`${truth}/base/config.json`);
    const got = understand(readTensors(`hybrid/${model}/${how}/model.safetensors`), { ...none, config });
    const wanted = understand(readTensors(`${truth}/base`), { ...none, config }).base;
    const outside = new Set(["gain"]);
    for (const [name, tensor] of wanted?.tensors ?? []) {
      const stored = got.base?.tensors.get(name) ?? got.base?.tensors.get(got.base.ties.get(name) ?? "");
      expect([name, bits(stored)]).toEqual([name, bits(tensor)]);
    }
    const names = [...(got.base?.tensors.keys() ?? [])].filter((name) => !outside.has(name));
    const known = new Set([...(wanted?.tensors.keys() ?? []), ...(wanted?.ties.keys() ?? [])]);
    expect(names.filter((name) => !known.has(name))).toEqual([]);
    expect(got.base?.isComplete).toBe(true);
    const file = `${truth}/adapter/adapter_model.safetensors`;
    const adapter = understand(readTensors(file), { ...none, adapterFiles: new Map([[file, "default"]]) });
    const own = got.adapters.get("default");
    expect([...(own?.modules.keys() ?? [])].sort()).toEqual(
      [...(adapter.adapters.get("default")?.modules.keys() ?? [])].sort(),
    );
    for (const [path, module] of adapter.adapters.get("default")?.modules ?? []) {
      expect(bits(own?.modules.get(path)?.loraA)).toEqual(bits(module.loraA));
      expect(bits(own?.modules.get(path)?.loraB)).toEqual(bits(module.loraB));
    }
    expect(own?.replacements).toEqual([]);
    expect(codes(got)).toContain("TENON_NAMES_BASE_LAYER");
    expect(codes(got)).toContain("TENON_ADAPTER_CONFIG_MISSING");
  });
});

const llama = ["model.embed_tokens.weight", "model.layers.0.self_attn.q_proj.weight", "model.norm.weight"];
const square = (name: string, file?: string): Tensor => bare(name, "F32", [8, 8], file);
const causal: JsonRecord = { architectures: ["LlamaForCausalLM"], vocab_size: 8, num_hidden_layers: 1 };

describe("ties", () => {
  const at = (name: string, byteOffset: number, storage: string): Tensor => ({
    ...square(name),
    storage,
    extents: [{ path: "/x", byteOffset, byteLength: 256 }],
  });

  it("are one tensor under two names, and the input embedding owns it", () => {
    const tensors = [at("lm_head.weight", 0, "s"), at("model.embed_tokens.weight", 0, "s")];
    const { base } = understand(tensors, none);
    expect([...(base?.ties ?? [])]).toEqual([["lm_head.weight", "model.embed_tokens.weight"]]);
    expect([...(base?.tensors.keys() ?? [])]).toEqual(["model.embed_tokens.weight"]);
  });

  it("are not two places in one memory", () => {
    const tensors = [at("lm_head.weight", 0, "s"), at("model.embed_tokens.weight", 256, "s")];
    expect(understand(tensors, none).base?.ties.size).toBe(0);
  });

  it("follow config.json where the alias is left out, and only for a model that has a head", () => {
    const tied = understand(
      llama.map((name) => square(name)),
      { ...none, config: { ...causal, tie_word_embeddings: true } },
    );
    expect([...(tied.base?.ties ?? [])]).toEqual([["lm_head.weight", "model.embed_tokens.weight"]]);
    const untied = { ...causal, tie_word_embeddings: false };
    expect(
      understand(
        llama.map((name) => square(name)),
        { ...none, config: untied },
      ).base?.ties.size,
    ).toBe(0);
    const headless = { ...causal, architectures: ["LlamaModel"] };
    expect(
      understand(
        llama.map((name) => square(name)),
        { ...none, config: headless },
      ).base?.ties.size,
    ).toBe(0);
  });

  it("that config.json claims and the file breaks are observed", () => {
    const tensors = [...llama, "lm_head.weight"].map((name) => square(name));
    expect(
      codes(understand(tensors, { ...none, config: { ...causal, tie_word_embeddings: true } })),
    ).toContain("TENON_TIE_STORED_TWICE");
    expect(
      codes(understand(tensors, { ...none, config: { ...causal, tie_word_embeddings: false } })),
    ).toEqual([]);
  });
});

describe("a base", () => {
  it("is not whole where an adapter stands on a weight that is not stored, or layers are missing", () => {
    const lora = ["A", "B"].map((side) =>
      square(`model.layers.0.self_attn.q_proj.lora_${side}.default.weight`),
    );
    const rest = [square("model.norm.weight")];
    expect(understand([...rest, ...lora], none).base?.isComplete).toBe(false);
    const two = { ...causal, num_hidden_layers: 2 };
    expect(
      understand(
        llama.map((name) => square(name)),
        { ...none, config: two },
      ).base?.isComplete,
    ).toBe(false);
    expect(
      understand(
        llama.map((name) => square(name)),
        { ...none, config: causal },
      ).base?.isComplete,
    ).toBe(true);
  });

  it("keeps the sharding it came with", () => {
    const tensors = [
      square("a.weight", "1.safetensors"),
      square("b.weight", "2.safetensors"),
      square("c.weight", "1.safetensors"),
    ];
    expect([...(understand(tensors, none).base?.shards ?? [])]).toEqual([
      ["1.safetensors", ["a.weight", "c.weight"]],
      ["2.safetensors", ["b.weight"]],
    ]);
  });

  it("is absent where only adapters are stored", () => {
    const tensors = [
      square("base_model.model.q.lora_A.weight", "a"),
      square("base_model.model.q.lora_B.weight", "a"),
    ];
    expect(understand(tensors, { ...none, adapterFiles: new Map([["a", "default"]]) }).base).toBeUndefined();
  });
});

describe("an adapter's file", () => {
  const file = "adapter_model.safetensors";
  const open = (names: readonly string[], config: JsonRecord): Understanding =>
    understand(
      names.map((name) => square(`base_model.model.${name}`, file)),
      {
        adapterFiles: new Map([[file, "default"]]),
        adapterConfigs: new Map([
          [
            "default",
            { config: { peft_type: "LORA", r: 8, target_modules: ["q_proj"], ...config }, from: "c" },
          ],
        ]),
      },
    );

  it.each<[string, JsonRecord, string]>([
    ["lm_head.weight", { modules_to_save: ["lm_head"] }, "modulesToSave"],
    ["model.layers.0.input_layernorm.weight", { modules_to_save: ["norm"] }, "modulesToSave"],
    ["lm_head.weight", {}, "embedding"],
    ["model.embed_tokens.base_layer.weight", {}, "embedding"],
    ["mlp.up_proj.bias", { bias: "all" }, "bias"],
    ["mlp.up_proj.base_layer.bias", { bias: "lora_only" }, "bias"],
    ["mlp.up_proj.bias", { bias: "lora_only" }, "trainedBase"],
    ["mlp.up_proj.bias", {}, "trainedBase"],
    ["self_attn.q_proj.base_layer.weight", {}, "trainedBase"],
    ["model.norm.weight", {}, "trainedBase"],
  ])("replaces the base's %s, config %j: %s", (name, config, kind) => {
    const found = open([name], config);
    const parameter = name.replace(".base_layer", "");
    const replacement = found.adapters.get("default")?.replacements[0];
    expect(replacement).toMatchObject({ kind, parameter });
    expect(codes(found).includes("TENON_ADAPTER_TRAINED_BASE")).toBe(kind === "trainedBase");
  });

  it("with a config that cannot be read still opens", () => {
    const found = open(["q_proj.lora_A.weight", "q_proj.lora_B.weight"], { r: "eight" });
    expect(codes(found)).toContain("TENON_ADAPTER_CONFIG_UNREADABLE");
    expect(found.adapters.get("default")?.modules.size).toBe(1);
  });

  it("with a pattern that cannot be run still opens, and says so once", () => {
    const found = open(
      ["q_proj.lora_A.weight", "q_proj.lora_B.weight", "k.lora_A.weight", "k.lora_B.weight"],
      {
        target_modules: "(?!k).*",
      },
    );
    expect(codes(found)).toEqual(["TENON_ADAPTER_CONFIG_UNREADABLE"]);
    expect(found.observations[0]?.facts?.["code"]).toBe("TENON_PATTERN_UNSUPPORTED");
  });

  it("shows an adapter that is called like a module", () => {
    const found = understand(
      [
        square("base_model.model.q_proj.lora_A.weight", "f"),
        square("base_model.model.q_proj.lora_B.weight", "f"),
      ],
      {
        adapterConfigs: new Map(),
        adapterFiles: new Map([["f", "q_proj"]]),
      },
    );
    expect(codes(found)).toContain("TENON_ADAPTER_NAME_SHADOWS");
  });

  it("is fitted to the model stored beside it", () => {
    const tensors = [
      ...llama.map((name) => square(name)),
      square("layers.0.self_attn.q_proj.lora_A.weight", file),
      square("layers.0.self_attn.q_proj.lora_B.weight", file),
    ];
    const found = understand(tensors, { ...none, adapterFiles: new Map([[file, "default"]]) });
    expect([...(found.adapters.get("default")?.modules.keys() ?? [])]).toEqual([
      "model.layers.0.self_attn.q_proj",
    ]);
    expect(codes(found)).toContain("TENON_NAMES_MOVED");
  });
});

describe("two stored names for one parameter", () => {
  const tensors = ["a.weight", "module.a.weight"].map((name) => square(name));
  const twice = [square("a.weight", "1"), square("a.weight", "2")];

  it("are kept apart where the prefix is not common to all", () => {
    expect([...(understand(tensors, none).base?.tensors.keys() ?? [])]).toEqual([
      "a.weight",
      "module.a.weight",
    ]);
  });

  it("are observed on request, the first counting", () => {
    const found = understand(twice, { ...none, duplicates: "observe" });
    expect(codes(found)).toEqual(["TENON_NAMES_SAME_PARAMETER"]);
    expect(found.base?.tensors.get("a.weight")?.file).toBe("1");
    expect(() => understand(twice, none)).toThrow(/both mean a\.weight/);
  });
});
