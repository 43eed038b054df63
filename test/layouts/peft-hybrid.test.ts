import { describe, expect, it } from "vitest";
import { memoryTree } from "../../src/bytes/index.ts";
import type { Draft, DraftAdapter, NameMeaning, Recipe } from "../../src/core/index.ts";
import { formats } from "../../src/formats/index.ts";
import { hybridFiles } from "../../src/layouts/hybrid-files.ts";
import { detectLayout, layouts, peftHybrid } from "../../src/layouts/index.ts";
import { kept, writeDraft } from "../contract/layout.contract.ts";

const meaning = (
  role: NameMeaning["role"],
  module: string,
  extra: Partial<NameMeaning> = {},
): NameMeaning => ({
  role,
  module,
  leaf: "",
  nesting: 0,
  wrappers: [],
  ...extra,
});

const q = "model.layers.0.self_attn.q_proj";

function adapter(parameters: [NameMeaning, Recipe][], config: Record<string, unknown> = {}): DraftAdapter {
  const full = { peft_type: "LORA", r: 1, lora_alpha: 1, target_modules: ["q_proj"], ...config };
  return {
    name: "default",
    config: Object.assign(Object.create(null), full),
    parameters: parameters.map(([own, recipe]) => ({ meaning: own, recipe })),
  };
}

const pair: [NameMeaning, Recipe][] = [
  [meaning("loraA", q), kept("A", [1, 4])],
  [meaning("loraB", q), kept("B", [4, 1])],
];

function draft(names: readonly string[], of: DraftAdapter): Draft {
  const tensors = new Map(names.map((name) => [name, kept(name, [4, 4])]));
  return {
    base: { tensors, isComplete: false, ties: new Map() },
    adapters: [of],
    companions: [],
    origin: {},
  };
}

function namesIn(of: Draft): string[] {
  const files = hybridFiles(of, "peft-hybrid");
  return files
    .flatMap((file) => (file.kind === "tensors" ? file.entries.map(({ name }) => name) : []))
    .sort();
}

describe("a base carried by an adapter file", () => {
  it("is named as in memory: inside wrapped modules and saved ones, plain elsewhere", () => {
    const saved: [NameMeaning, Recipe] = [
      meaning("modulesToSave", "score", { leaf: "weight" }),
      kept("S", [4, 4]),
    ];
    const tokens: [NameMeaning, Recipe] = [meaning("tokenDelta", "model.embed_tokens"), kept("T", [2, 4])];
    const parameters = [
      `${q}.weight`,
      `${q}.bias`,
      "model.norm.weight",
      "score.weight",
      "model.embed_tokens.weight",
    ];
    expect(
      namesIn(draft(parameters, adapter([...pair, saved, tokens], { modules_to_save: ["score"] }))),
    ).toEqual(
      [
        "score.original_module.weight",
        "score.weight",
        "model.embed_tokens.token_adapter.base_layer.weight",
        "model.embed_tokens.token_adapter.trainable_tokens_delta",
        `${q}.base_layer.bias`,
        `${q}.base_layer.weight`,
        `${q}.lora_A.weight`,
        `${q}.lora_B.weight`,
        "model.norm.weight",
      ]
        .map((name) => `base_model.model.${name}`)
        .sort(),
    );
  });

  it("is wrapped once for every layer around it, and inside a wrapped module too", () => {
    const inner = meaning("loraA", "experts", { nesting: 1 });
    const out = meaning("loraA", "attn.out_proj", { nesting: 1, wrappedAt: ["attn"] });
    const own = adapter([
      [inner, kept("1", [1, 4])],
      [meaning("loraA", "experts"), kept("2", [1, 4])],
      [meaning("loraA", "attn"), kept("3", [1, 4])],
      [out, kept("4", [1, 4])],
    ]);
    const names = namesIn(
      draft(["experts.gate_up_proj", "attn.in_proj_weight", "attn.out_proj.weight"], own),
    );
    expect(names.filter((name) => !name.includes("lora_"))).toEqual([
      "base_model.model.attn.base_layer.in_proj_weight",
      "base_model.model.attn.base_layer.out_proj.base_layer.weight",
      "base_model.model.experts.base_layer.base_layer.gate_up_proj",
    ]);
  });

  it("comes back, the frozen original of a saved module among it", async () => {
    const saved: [NameMeaning, Recipe] = [
      meaning("modulesToSave", "score", { leaf: "weight" }),
      kept("S", [4, 4]),
    ];
    const of = draft(
      [`${q}.weight`, "score.weight"],
      adapter([...pair, saved], { modules_to_save: ["score"] }),
    );
    const tree = memoryTree(await writeDraft(peftHybrid, of));
    const { layout, evidence } = await detectLayout(tree, layouts);
    expect(layout.name).toBe("peft-hybrid");
    expect(evidence.at(-1)).toMatch(/base parameters/);
    await using checkpoint = await layout.open(tree, { formats });
    expect([...(checkpoint.base?.tensors.keys() ?? [])].sort()).toEqual([`${q}.weight`, "score.weight"]);
    expect(checkpoint.base?.isComplete).toBe(false);
    const own = checkpoint.adapters.get("default");
    expect(own?.replacements.map(({ kind, parameter }) => [kind, parameter])).toEqual([
      ["modulesToSave", "score.weight"],
    ]);
    expect(own?.entries).toHaveLength(3);
  });

  it("is refused when it would share a name with what the adapter replaces", () => {
    const bias: [NameMeaning, Recipe] = [meaning("plain", "model.norm", { leaf: "bias" }), kept("b", [4])];
    const of = draft(["model.norm.bias"], adapter([...pair, bias], { bias: "all" }));
    expect(() => namesIn(of)).toThrow(/base_model.model.model.norm.bias/);
  });

  it("needs an adapter to carry it", () => {
    expect(() => namesIn({ ...draft(["a.weight"], adapter(pair)), adapters: [] })).toThrow(
      /no adapter to write/,
    );
  });
});
