import { describe, expect, it } from "vitest";
import { memoryTree } from "../../src/bytes/index.ts";
import type { Draft, OptimizerComponent } from "../../src/core/index.ts";
import { formats } from "../../src/formats/index.ts";
import { hf, type Layout, layouts, stateDict, tenon as tenonLayout } from "../../src/layouts/index.ts";
import { scratch } from "../bytes/node/scratch.ts";
import { kept, writeDraft } from "../contract/layout.contract.ts";
import { bytesOf } from "../layouts/fixtures.ts";
import { convertInMemory, type Files, filesAt, openFiles, refusalOf, splitInMemory } from "./converted.ts";
import { fixture, tenon } from "./tenon.ts";
import { put } from "./tensor-files.ts";

const text = (content: string): Uint8Array => new TextEncoder().encode(content);

describe("companions", () => {
  const files = new Map([
    ...filesAt("damaged/d01-base-layer"),
    ["tokenizer.json", text("{}")],
    ["chat_template.jinja", text("{{ x }}")],
    ["README.md", text("# a card")],
  ] as const);

  it("lie beside the base that they belong to, and come back", async () => {
    const split = await splitInMemory(memoryTree(files));
    expect(split.files.get("base/tokenizer.json")).toEqual(files.get("tokenizer.json"));
    expect(split.report.left).toEqual(["README.md", "case.json"]);
    const back = await convertInMemory(memoryTree(split.files), "hf", { drop: ["adapters"] });
    expect(back.files.get("tokenizer.json")).toEqual(files.get("tokenizer.json"));
    expect(back.files.get("chat_template.jinja")).toEqual(files.get("chat_template.jinja"));
  });

  it("come from the base where the source has none and the whole model is written", async () => {
    const options = { base: fixture("base/llama-small-bf16") };
    const { files: written } = await convertInMemory(fixture("damaged/whole/adapter"), "state-dict", options);
    expect([...written.keys()]).toContain("generation_config.json");
    const delta = await splitInMemory(fixture("damaged/whole/adapter"), options);
    expect([...delta.files.keys()].filter((path) => path.includes("generation_config"))).toEqual([]);
  });

  it("come from the base too where all of it moved, so that what is written is a whole model", async () => {
    const base = memoryTree(
      new Map([
        ...filesAt("hybrid/qv/base"),
        ["tokenizer.json", text("{}")],
        ["tokenizer_config.json", text("{}")],
      ] as const),
    );
    const whole = await splitInMemory(fixture("hybrid/qv/state-dict-with-config"), { base });
    expect(whole.report.base?.isComplete).toBe(true);
    const inside = [...whole.files.keys()].filter((path) => path.startsWith("base/")).sort();
    expect(inside).toEqual([
      "base/config.json",
      "base/generation_config.json",
      "base/model.safetensors",
      "base/tokenizer.json",
      "base/tokenizer_config.json",
    ]);
    const hybrid = await convertInMemory(fixture("hybrid/qv/state-dict-with-config"), "peft-hybrid", {
      base,
    });
    expect([...hybrid.files.keys()].filter((path) => path.includes("tokenizer"))).toEqual([]);
  });

  it("are the source's where both have some, and its tokenizer is not mixed with the base's", async () => {
    const base = memoryTree(
      new Map([
        ...filesAt("hybrid/qv/base"),
        ["tokenizer.model", text("old")],
        ["tokenizer.json", text("old")],
        ["chat_template.jinja", text("old")],
        ["LICENSE", text("old")],
      ] as const),
    );
    const source = (own: readonly (readonly [string, Uint8Array])[]): ReturnType<typeof memoryTree> =>
      memoryTree(new Map([...filesAt("hybrid/qv/state-dict-with-config"), ...own]));
    const options = { base, drop: ["adapters"] };
    const grown = await convertInMemory(source([["tokenizer.json", text("new")]]), "hf", options);
    const companions = [...grown.files.keys()]
      .filter((path) => !/^(config\.json|model.*)$/.test(path))
      .sort();
    expect(companions).toEqual(["LICENSE", "generation_config.json", "tokenizer.json"]);
    expect(grown.files.get("tokenizer.json")).toEqual(text("new"));
    const plain = await convertInMemory(source([["generation_config.json", text("{}")]]), "hf", options);
    expect(plain.files.get("generation_config.json")).toEqual(text("{}"));
    expect(plain.files.get("tokenizer.model")).toEqual(text("old"));
    expect([...plain.files.keys()]).toContain("chat_template.jinja");
  });

  it("are copied from local files too", async () => {
    await using room = await scratch();
    const source = put(`${room.path}/source`, files);
    const report = await tenon.split(source, { output: `${room.path}/out` });
    expect(report.files?.map(({ path }) => path)).toContain("base/tokenizer.json");
    await using opened = await tenon.open(`${room.path}/out`);
    expect(opened.companions.map(({ path }) => path).sort()).toEqual([
      "base/chat_template.jinja",
      "base/tokenizer.json",
    ]);
  });
});

const module = "model.layers.0.self_attn.q_proj";
const [norm, first] = ["model.norm.weight", `default:${module}.lora_A`] as const;

/** A tenon checkpoint with optimizer state by name and a trainer. */
function trained(): Promise<Files> {
  const low = (role: "loraA" | "loraB", shape: readonly number[]) => ({
    meaning: { role, module, leaf: "", nesting: 0, wrappers: [] },
    recipe: kept(role, shape),
  });
  const state = (name: string, shape: readonly number[]) =>
    [name, new Map([["exp_avg", kept(name, shape)]])] as const;
  const draft: Draft = {
    base: {
      tensors: new Map([
        [norm, kept(norm, [4])],
        [`${module}.weight`, kept("q", [4, 4])],
      ]),
      config: { model_type: "llama" },
      isComplete: true,
      ties: new Map(),
    },
    adapters: [
      {
        name: "default",
        config: { peft_type: "LORA", r: 1, lora_alpha: 2, target_modules: ["q_proj"] },
        parameters: [low("loraA", [1, 4]), low("loraB", [4, 1])],
      },
    ],
    optimizer: {
      states: new Map([state(norm, [4]), state(first, [1, 4])]),
      groups: [{ parameters: [norm, first], settings: { lr: 0.001 } }],
    },
    trainer: { documents: new Map([["trainer_state.json", { global_step: 7 }]]) },
    companions: [],
    origin: {},
  };
  return writeDraft(tenonLayout, draft);
}

async function optimizerOf(files: Files): Promise<OptimizerComponent | undefined> {
  await using opened = await openFiles(files);
  return opened.optimizer;
}

describe("optimizer state that goes by names", () => {
  it("goes along into tenon's layout, with groups and trainer", async () => {
    const source = await trained();
    const { files, report } = await splitInMemory(memoryTree(source));
    expect(report).toMatchObject({ optimizerStates: 2, trainerDocuments: ["trainer_state.json"] });
    await using opened = await openFiles(files);
    await using expected = await openFiles(source);
    expect(opened.optimizer?.groups).toEqual(expected.optimizer?.groups);
    const moment = opened.optimizer?.states.get(first)?.get("exp_avg");
    expect(await bytesOf(moment)).toEqual(
      await bytesOf(expected.optimizer?.states.get(first)?.get("exp_avg")),
    );
    expect(opened.trainer?.documents.get("trainer_state.json")?.["global_step"]).toBe(7);
  });

  it("is left out with the parameters that are", async () => {
    const names = async (drop: string): Promise<unknown> => {
      const { files } = await splitInMemory(memoryTree(await trained()), { drop: [drop] });
      const optimizer = await optimizerOf(files);
      return [[...(optimizer?.states.keys() ?? [])], optimizer?.groups.map(({ parameters }) => parameters)];
    };
    expect(await names("adapters")).toEqual([[norm], [[norm]]]);
    expect(await names("base")).toEqual([[first], [[first]]]);
    expect(await names(norm)).toEqual([[first], [[first]]]);
    expect(await names("optimizer")).toEqual([[], undefined]);
  });

  it("has no place in the others", async () => {
    const found = await refusalOf(convertInMemory(memoryTree(await trained()), "state-dict"));
    expect(found.hint).toBe("Leave it out: --drop optimizer --drop trainer");
  });
});

describe("a layout of one's own", () => {
  const drafts: Draft[] = [];
  const mine: Layout = {
    name: "mine",
    canRead: false,
    canWrite: true,
    refines: [],
    sniff: async () => ({ match: "no", evidence: ["never"] }),
    open: () => Promise.reject(new Error("not read")),
    arrange(draft, options) {
      drafts.push(draft);
      const { optimizer: _, trainer: __, ...rest } = draft;
      return stateDict.arrange?.(rest, options) ?? [];
    },
  };

  it("is a target by its name, and gets every component", async () => {
    const all = [...layouts, mine];
    const { files, report } = await convertInMemory(memoryTree(await trained()), "mine", {
      layouts: all,
      formats,
    });
    expect(report.layout).toBe("mine");
    expect([...files.keys()]).toContain("state_dict.safetensors");
    expect(drafts.at(-1)?.optimizer?.states.size).toBe(2);
    expect(drafts.at(-1)?.trainer?.documents.size).toBe(1);
  });

  it("is not known where it is not given", async () => {
    const found = await refusalOf(convertInMemory(memoryTree(await trained()), "mine"));
    expect(found.code).toBe("TENON_LAYOUT_NOT_KNOWN");
  });

  it("is what split writes, if it is called tenon", async () => {
    const { report } = await splitInMemory(fixture("base/llama-small-bf16"), {
      layouts: [hf, { ...mine, name: "tenon" }],
    });
    expect(report.files?.map(({ path }) => path)).toContain("state_dict.safetensors");
  });
});
