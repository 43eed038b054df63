import { describe, expect, it } from "vitest";
import { memoryTree } from "../../src/bytes/index.ts";
import type { SplitOptions } from "../../src/verbs/index.ts";
import { configAt, filesAt, openFiles, refusalOf, splitInMemory } from "./converted.ts";
import { fixture } from "./tenon.ts";

interface Refusal {
  readonly source: string;
  readonly options?: Partial<SplitOptions>;
  readonly code: string;
  readonly exitCode: number;
  /** Part of the hint. */
  readonly hint: string;
  readonly details?: Record<string, unknown>;
}

const trainer = "hybrid/qv/trainer-module/checkpoint-3";
const base = { base: fixture("base/llama-small-bf16") };

const refusals: readonly Refusal[] = [
  {
    source: trainer,
    code: "TENON_NAMES_OUTSIDE_MODEL",
    exitCode: 1,
    hint: "--drop gain",
    details: { names: ["gain"], count: 1 },
  },
  {
    source: "optimizer/unknown-order",
    code: "TENON_OPTIMIZER_UNNAMED",
    exitCode: 1,
    hint: "--drop optimizer",
    details: { layout: "tenon", optimizerStates: 8 },
  },
  {
    source: "damaged/d12-empty-model",
    code: "TENON_TENSOR_EMPTY",
    exitCode: 1,
    hint: "stage3_gather_16bit_weights_on_model_save",
    details: { count: 16 },
  },
  {
    source: "damaged/d12-some-empty/adapter",
    code: "TENON_TENSOR_EMPTY",
    exitCode: 1,
    hint: "gathered",
    details: { count: 4 },
  },
  {
    source: "damaged/d20-bitsandbytes",
    code: "TENON_NAMES_QUANTISED",
    exitCode: 4,
    hint: "--drop base",
    details: { count: 50 },
  },
  { source: "damaged/d22-megatron", code: "TENON_NAMES_FOREIGN", exitCode: 1, hint: "--drop model.layers.0" },
  {
    source: "damaged/d24-root-and-folders/adapter",
    code: "TENON_ADAPTER_STORED_TWICE",
    exitCode: 1,
    hint: "folder of the one that counts",
    details: { files: ["adapter_model.safetensors", "default/adapter_model.safetensors"] },
  },
  { source: "damaged/d11-lora-merged", code: "TENON_BASE_LORA_LEFT", exitCode: 1, hint: "--drop adapters" },
  {
    source: "damaged/d11-lora-merged",
    options: base,
    code: "TENON_BASE_LORA_LEFT",
    exitCode: 1,
    hint: "tenon doctor",
    details: { count: 4 },
  },
  { source: "damaged/d11-lora-trained", options: base, code: "TENON_BASE_LORA_LEFT", exitCode: 1, hint: "" },
  {
    source: trainer,
    options: { drop: ["gian"] },
    code: "TENON_DROP_UNKNOWN",
    exitCode: 2,
    hint: "tenon inspect --json",
    details: { name: "gian", components: ["base", "adapters", "optimizer", "trainer", "adapter:default"] },
  },
  {
    source: "damaged/whole/adapter",
    options: { drop: ["base"] },
    code: "TENON_DROP_UNKNOWN",
    exitCode: 2,
    hint: "",
  },
  {
    source: "damaged/wrong-base-shape/adapter",
    options: { base: fixture("base/llama-bf16") },
    code: "TENON_ADAPTER_NOT_IN_BASE",
    exitCode: 1,
    hint: "that the adapter was trained on",
    details: { adapter: "default" },
  },
  {
    source: "damaged/whole/adapter",
    options: { base: fixture("base/gpt2-f32") },
    code: "TENON_ADAPTER_NOT_IN_BASE",
    exitCode: 1,
    hint: "that the adapter was trained on",
  },
  {
    source: "base/llama-small-bf16",
    options: { base: fixture("base/gpt2-f32") },
    code: "TENON_BASE_NAME_UNKNOWN",
    exitCode: 1,
    hint: "give the base that was trained",
  },
  {
    source: "base/llama-bf16",
    options: base,
    code: "TENON_BASE_SHAPE_MISMATCH",
    exitCode: 1,
    hint: "",
  },
  {
    source: "damaged/whole/adapter",
    options: { base: fixture("damaged/whole/adapter") },
    code: "TENON_BASE_ABSENT",
    exitCode: 1,
    hint: "directory of the model",
  },
  {
    source: "damaged/whole/adapter",
    options: { base: fixture("hybrid/qv/state-dict-with-config") },
    code: "TENON_BASE_HAS_ADAPTERS",
    exitCode: 1,
    hint: "Merge them first",
  },
  {
    source: "damaged/whole/adapter",
    options: { base: fixture("damaged/shard-missing") },
    code: "TENON_SHARD_MISSING",
    exitCode: 3,
    hint: "",
  },
];

describe("a split that would lose something", () => {
  for (const { source, options = {}, code, exitCode, hint, details = {} } of refusals) {
    const given = Object.keys(options).join(", ");
    it(`is refused with ${code}: ${source}${given === "" ? "" : ` with ${given}`}`, async () => {
      const found = await refusalOf(splitInMemory(fixture(source), options));
      expect(found).toMatchObject({ code, exitCode, details });
      if (hint !== "") expect(found.hint).toContain(hint);
    });
  }

  it("goes on once what cannot go along is dropped", async () => {
    const { report } = await splitInMemory(fixture("damaged/d20-bitsandbytes"), { drop: ["base"] });
    expect(report).toMatchObject({ base: null, adapters: [{ name: "default", tensors: 8 }] });
    const merged = await splitInMemory(fixture("damaged/d11-lora-merged"), { drop: ["adapters"] });
    expect(merged.report).toMatchObject({ base: { tensors: 21, isComplete: true }, adapters: [] });
  });

  it("goes on when the bits show that LoRA is not merged", async () => {
    const { report } = await splitInMemory(fixture("damaged/d11-lora-unmerged"), base);
    expect(report.base).toMatchObject({ tensors: 0, isComplete: false, reference: { relied: 21 } });
  });

  it("goes on for a model that has its adapter in a file beside it", async () => {
    const files = new Map([...filesAt("damaged/whole/base"), ...filesAt("damaged/whole/adapter")]);
    const { report } = await splitInMemory(memoryTree(files));
    expect(report.base).toMatchObject({ tensors: 21, isComplete: true });
    expect(report.adapters).toMatchObject([{ name: "default", tensors: 8 }]);
  });
});

describe("what is dropped", () => {
  const source = fixture("damaged/d02-two-names/model.safetensors");

  it("may be one adapter of several", async () => {
    const { files, report } = await splitInMemory(source, { drop: ["adapter:second"] });
    expect(report.adapters.map(({ name }) => name)).toEqual(["default"]);
    expect([...files.keys()].some((path) => path.startsWith("adapters/second"))).toBe(false);
  });

  it("may be a parameter by its canonical or its stored name", async () => {
    const drop = [
      "model.norm.weight",
      "default:model.layers.0.self_attn.q_proj.lora_A",
      "base_model.model.model.layers.0.self_attn.q_proj.lora_B.default.weight",
    ];
    const { files } = await splitInMemory(source, { drop });
    await using opened = await openFiles(files);
    expect(opened.base?.tensors.has("model.norm.weight")).toBe(false);
    expect(opened.adapters.get("default")?.modules.has("model.layers.0.self_attn.q_proj")).toBe(false);
    expect(opened.adapters.get("second")?.modules.has("model.layers.0.self_attn.q_proj")).toBe(true);
  });

  it("takes the alias of a tied parameter with it", async () => {
    const { files } = await splitInMemory(fixture("base/llama-tied-bf16"), {
      drop: ["model.embed_tokens.weight"],
    });
    await using opened = await openFiles(files);
    expect(opened.base?.tensors.size).toBe(19);
    expect(JSON.parse(new TextDecoder().decode(files.get("tenon.json")))).toMatchObject({
      components: { base: { ties: {} } },
    });
  });

  it("may be what an adapter carries whole, by its name in the adapter", async () => {
    const adapterConfig = configAt("damaged/whole/adapter");
    const saved = fixture("damaged/d08-modules-to-save/model.safetensors");
    const { files } = await splitInMemory(saved, { adapterConfig, drop: ["default:lm_head.weight"] });
    await using opened = await openFiles(files);
    expect(opened.base?.tensors.has("lm_head.weight")).toBe(true);
    expect(opened.adapters.get("default")?.replacements).toEqual([]);
  });
});
