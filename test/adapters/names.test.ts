import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  canonicalName,
  type NameContext,
  peftDiskName,
  peftMemoryName,
  readName,
  readNames,
} from "../../src/adapters/index.ts";
import { type NameMeaning, type Role, roles } from "../../src/core/index.ts";

/** Canonical name and role of each, for sets of names read together. */
function read(names: readonly string[], context: Partial<NameContext> = {}): Record<string, string> {
  const { meanings } = readNames(names, { kind: "model", ...context });
  return Object.fromEntries(
    [...meanings].map(([stored, meaning]) => [stored, `${meaning.role} ${canonicalName(meaning)}`]),
  );
}

const codes = (names: readonly string[], context: Partial<NameContext> = {}): string[] =>
  readNames(names, { kind: "model", ...context }).observations.map(({ code }) => code);

describe("a stored name", () => {
  it.each<[stored: string, meaning: string]>([
    [
      "base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight",
      "loraA default:model.layers.0.self_attn.q_proj.lora_A",
    ],
    [
      "base_model.model.model.layers.0.self_attn.q_proj.lora_B.second.weight",
      "loraB second:model.layers.0.self_attn.q_proj.lora_B",
    ],
    ["base_model.model.q.lora_B.bias", "loraBias default:q.lora_B.bias"],
    ["base_model.model.q.lora_B.default.bias", "loraBias default:q.lora_B.bias"],
    ["base_model.model.emb.lora_embedding_A", "loraEmbeddingA default:emb.lora_embedding_A"],
    ["base_model.model.emb.lora_embedding_B.x", "loraEmbeddingB x:emb.lora_embedding_B"],
    ["base_model.model.q.lora_magnitude_vector", "magnitude default:q.lora_magnitude_vector"],
    ["base_model.model.q.lora_magnitude_vector.weight", "magnitude default:q.lora_magnitude_vector"],
    ["base_model.model.q.lora_magnitude_vector.x.weight", "magnitude x:q.lora_magnitude_vector"],
    ["base_model.model.q.lora_diag.x", "loraDiag x:q.lora_diag"],
    ["base_model.model.q.lora_velora_embed.x", "loraExtra x:q.lora_velora_embed"],
    ["base_model.model.q.lora_monteclora_sampler.x.std", "loraExtra x:q.lora_monteclora_sampler.std"],
    [
      "base_model.model.emb.token_adapter.trainable_tokens_delta.x",
      "tokenDelta x:emb.trainable_tokens_delta",
    ],
    ["base_model.model.emb.token_adapter.base_layer.weight", "tokenBase emb.weight"],
    ["base_model.model.q.base_layer.weight", "baseLayer q.weight"],
    ["base_model.model.q.base_layer.weight.absmax", "quantState q.weight.absmax"],
    ["q.weight.quant_state.bitsandbytes__nf4", "quantState q.weight.quant_state.bitsandbytes__nf4"],
    ["base_model.model.moe.experts.base_layer.lora_A.weight", "loraA default:moe.experts#1.lora_A"],
    ["base_model.model.moe.experts.base_layer.base_layer.gate_up_proj", "baseLayer moe.experts.gate_up_proj"],
    ["base_model.model.attn.base_layer.out_proj.lora_A.weight", "loraA default:attn.out_proj#1.lora_A"],
    ["base_model.model.score.modules_to_save.x.weight", "modulesToSave x:score.weight"],
    ["base_model.model.score.original_module.dense.weight", "originalModule score.dense.weight"],
    ["base_model.model.q.lora_A.x.x.weight", "loraA x:q.lora_A"],
    ["base_model.model.q.hada_w1_a", "foreign default:q.hada_w1_a"],
    ["base_model.model.q.oft_R.weight", "foreign default:q.oft_R.weight"],
    ["lora_unet_down_0.lora_down.weight", "foreign default:lora_unet_down_0.lora_down.weight"],
    ["layers.0.q.lora_a", "foreign default:layers.0.q.lora_a"],
    ["prompt_embeddings", "foreign default:prompt_embeddings"],
  ])("%s is %s", (stored, meaning) => {
    const { role } = readName(stored);
    expect(`${role} ${canonicalName(readName(stored))}`).toBe(meaning);
  });

  it.each([
    "lora_head.weight",
    "model.lora_A_proj.weight",
    "default.weight",
    "model.hada_w1_a_head.weight",
    "weight",
    "a.adapter.weight",
    "alpha",
  ])("%s is plain: segments count, not substrings", (stored) => {
    expect(readName(stored)).toEqual({
      role: "plain",
      module: stored.split(".").slice(0, -1).join("."),
      leaf: stored.split(".").at(-1),
      nesting: 0,
      wrappers: [],
    });
  });

  it("of hostile shape is read, not thrown", () => {
    fc.assert(
      fc.property(
        fc.array(
          fc.array(
            fc.constantFrom(
              "",
              "lora_A",
              "base_layer",
              "module",
              "base_model",
              "model",
              "weight",
              "modules_to_save",
              "__proto__",
              "token_adapter",
              "x",
            ),
            { maxLength: 8 },
          ),
          { maxLength: 6 },
        ),
        (list) => {
          const names = [...new Set(list.map((segments) => segments.join(".")))];
          const { meanings } = readNames(names, { kind: "unknown" });
          expect([...meanings.keys()]).toEqual(names);
        },
      ),
    );
  });
});

describe("prefixes of a set of names", () => {
  const llama = ["model.embed_tokens.weight", "model.layers.0.q.weight", "model.norm.weight"];
  const whole = [...llama, "lm_head.weight"];
  const under = (prefix: string, names: readonly string[]): string[] => names.map((name) => prefix + name);
  const plain = (names: readonly string[]): string[] => names.map((name) => `plain ${name}`);

  it.each([
    "module.",
    "module.module.",
    "_orig_mod.",
    "_orig_mod.module.",
    "_forward_module.model.",
    "model.",
    "base_model.model.",
    "base_model.model.base_model.model.",
    "module.base_model.model.",
    "llm.base_model.model.",
    "model.llm.base_model.model.",
    "0.auto_model.",
  ])("%s is taken off a whole model", (prefix) => {
    expect(Object.values(read(under(prefix, whole)))).toEqual(plain(whole));
  });

  it("stay where they are the model's own", () => {
    expect(Object.values(read(llama))).toEqual(plain(llama));
    const own = ["module.layers.0.weight", "head.weight"];
    expect(Object.values(read(own))).toEqual(plain(own));
    const known = new Set(["module.layers.0.weight"]);
    expect(Object.values(read([...known], { knownBaseNames: known }))).toEqual(plain([...known]));
  });

  it("inside a path are taken off too", () => {
    const names = [
      "model.layers.0._orig_mod.q.weight",
      "model.layers.0._fsdp_wrapped_module.v._checkpoint_wrapped_module.weight",
    ];
    expect(Object.values(read(names))).toEqual(plain(["model.layers.0.q.weight", "model.layers.0.v.weight"]));
  });

  it("keep a multimodal model's own attribute", () => {
    const names = [
      "language_model.base_model.model.model.layers.0.q.base_layer.weight",
      "language_model.base_model.model.model.layers.0.q.lora_A.default.weight",
      "vision_tower.x.weight",
    ];
    expect(Object.values(read(names))).toEqual([
      "baseLayer language_model.model.layers.0.q.weight",
      "loraA default:language_model.model.layers.0.q.lora_A",
      "plain vision_tower.x.weight",
    ]);
  });

  it("lose the attribute of a module of one's own, and what stood beside it is named", () => {
    const names = ["llm.base_model.model.model.layers.0.q.weight", "gain"];
    expect(Object.values(read(names))).toEqual(plain(["model.layers.0.q.weight", "gain"]));
    expect(codes(names)).toContain("TENON_NAMES_OUTSIDE_MODEL");
  });

  it("keep the attributes of several models stored together", () => {
    const names = ["policy.base_model.model.q.weight", "reference.base_model.model.q.weight"];
    expect(Object.values(read(names))).toEqual(plain(["policy.q.weight", "reference.q.weight"]));
    expect(codes(names)).toContain("TENON_NAMES_SEVERAL_MODELS");
  });

  it("keep a real module called base_layer", () => {
    const names = ["a.base_layer.weight", "a.weight"];
    expect(Object.values(read(names))).toEqual(plain(names));
    const known = new Set(["b.base_layer.weight"]);
    expect(Object.values(read([...known], { knownBaseNames: known }))).toEqual(plain([...known]));
  });
});

describe("names fitted to a base", () => {
  const base = new Set([
    "model.language_model.embed_tokens.weight", "model.language_model.norm.weight", "lm_head.weight",
    ...[0, 1].flatMap((layer) => [`model.language_model.layers.${layer}.q.weight`, `model.language_model.layers.${layer}.norm.weight`, `model.visual.blocks.${layer}.q.weight`]),
  ]); // biome-ignore format: one list

  it("take the base's own prefix", () => {
    const names = [
      "language_model.model.layers.0.q.weight",
      "language_model.model.layers.1.q.weight",
      "language_model.model.norm.weight",
      "language_model.lm_head.weight",
    ];
    expect(Object.values(read(names, { knownBaseNames: base }))).toEqual([
      "plain model.language_model.layers.0.q.weight",
      "plain model.language_model.layers.1.q.weight",
      "plain model.language_model.norm.weight",
      "plain lm_head.weight",
    ]);
  });

  it("are fitted by the module, for adapter tensors", () => {
    const names = [
      "base_model.model.model.layers.0.q.lora_A.weight",
      "base_model.model.model.layers.1.q.lora_A.weight",
    ];
    expect(Object.values(read(names, { knownBaseNames: base, kind: "adapter" }))).toEqual([
      "loraA default:model.language_model.layers.0.q.lora_A",
      "loraA default:model.language_model.layers.1.q.lora_A",
    ]);
  });

  it("are left alone, and said to be ambiguous, where two places fit", () => {
    const twice = new Set(["text.layers.0.q.weight", "vision.layers.0.q.weight"]);
    const names = ["layers.0.q.weight"];
    expect(Object.values(read(names, { knownBaseNames: twice }))).toEqual(["plain layers.0.q.weight"]);
    expect(codes(names, { knownBaseNames: twice })).toEqual(["TENON_NAMES_AMBIGUOUS"]);
  });

  it("that the base does not have are named", () => {
    expect(codes(["other.thing"], { knownBaseNames: base })).toEqual(["TENON_NAMES_NOT_IN_BASE"]);
  });
});

const segment = fc.constantFrom(
  "model",
  "layers",
  "0",
  "11",
  "self_attn",
  "q_proj",
  "lora_head",
  "experts",
  "default",
  "x",
);
const path = fc
  .array(segment, { minLength: 1, maxLength: 6 })
  .map((segments) => ["top", ...segments].join("."));
const adapter = fc.constantFrom("default", "second", "my-adapter", "0");
const mergeRoles = [
  "loraA",
  "loraB",
  "loraEmbeddingA",
  "loraEmbeddingB",
  "magnitude",
  "loraBias",
  "loraDiag",
  "tokenDelta",
] as const;

/** Meanings as PEFT can store them. */
const meaning: fc.Arbitrary<NameMeaning> = fc
  .record({
    role: fc.constantFrom(...roles),
    module: path,
    adapter,
    nesting: fc.integer({ min: 0, max: 2 }),
    cut: fc.nat(6),
    leaf: fc.constantFrom("weight", "bias"),
  })
  .map(({ role, module, adapter: name, nesting, cut, leaf }): NameMeaning => {
    const segments = module.split(".");
    const above = segments.slice(0, 1 + (cut % segments.length)).join(".");
    const canNest = !/^(?:tokenBase|tokenDelta|foreign|modulesToSave|originalModule|plain)$/.test(role);
    const layers = canNest ? Math.max(nesting, role === "baseLayer" ? 1 : 0) : 0;
    const places = Array.from({ length: layers }, (_, at) => (at === 0 ? above : module));
    const saved = /^(?:modulesToSave|originalModule)$/.test(role) ? [above] : [];
    const at = [...places, ...saved];
    const isNamed =
      (mergeRoles as readonly Role[]).includes(role) || role === "loraExtra" || role === "modulesToSave";
    const leaves: Partial<Record<Role, string>> = {
      quantState: "weight.absmax",
      loraExtra: "lora_velora_embed",
      foreign: "hada_w1_a",
    };
    return {
      role,
      module,
      leaf: (mergeRoles as readonly Role[]).includes(role) ? "" : (leaves[role] ?? leaf),
      ...(isNamed ? { adapter: name } : {}),
      nesting: layers,
      ...(at.every((place) => place === module) ? {} : { wrappedAt: at }),
      wrappers: ["base_model.model"],
    };
  });

describe("writing a name", () => {
  it("in memory and reading it again is the identity, for every role", () => {
    fc.assert(
      fc.property(meaning, (one) => {
        const { adapter: name = "default" } = one;
        expect(readName(peftMemoryName(one, name))).toEqual(one);
      }),
      { numRuns: 2000 },
    );
  });

  it("on disk and reading it again loses the adapter's name and the copy's wrapper, nothing else", () => {
    fc.assert(
      fc.property(meaning, (one) => {
        const { adapter: _, wrappedAt, ...rest } = one;
        const isCopy = one.role === "modulesToSave";
        const wanted = isCopy
          ? { ...rest, role: "plain" }
          : { ...rest, ...(wrappedAt === undefined ? {} : { wrappedAt }) };
        expect(readName(peftDiskName(one), { kind: "adapter" })).toEqual(wanted);
      }),
      { numRuns: 2000 },
    );
  });
});
