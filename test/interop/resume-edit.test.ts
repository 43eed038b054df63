import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { scratch, tenon } from "./command.ts";
import { type Answer, TrainingRuns } from "./training-runs.ts";

// The Trainer trains a hybrid and saves it after three steps. Who is trained and how is changed by tenon in the save, and by the
// Trainer's own means in a run that goes on: both must make the same steps from there, to the last bit.

const folder = scratch();
const tools = new TrainingRuns(folder.path);
afterAll(() => folder.remove());

const run = { kind: "hybrid", keeps_base: true };
const lora = "lora_";
const trained = ["norm", "embed_tokens", "down_proj", "layers.0.self_attn.q_proj.base_layer"];

interface Case {
  readonly name: string;
  /** Of `tenon edit`. */
  readonly words: readonly string[];
  /** Of the run itself, before its fourth step. */
  readonly change: object;
  /** Parts of the names that the run which goes on from the edit trains beside LoRA. */
  readonly trained: readonly string[];
  /** Parts of the names of what must not move any more. */
  readonly frozen: readonly string[];
}

const cases: readonly Case[] = [
  {
    name: "some parameters frozen, one unfrozen, settings changed",
    words: [
      ...["--freeze", "model.layers.0.*norm.weight", "--freeze", "lm_head.weight"],
      ...["--unfreeze", "model.layers.1.mlp.gate_proj.weight"],
      ...["--set", "0:weight_decay=0.3", "--set", "0:betas=[0.8,0.99]", "--set", "1:eps=1e-6"],
    ],
    change: {
      freeze: ["layers.0.input_layernorm", "layers.0.post_attention_layernorm", "embed_tokens"],
      unfreeze: ["layers.1.mlp.gate_proj"],
      settings: { 0: { weight_decay: 0.3, betas: [0.8, 0.99] }, 1: { eps: 1e-6 } },
    },
    trained: [
      ...["layers.1.input_layernorm", "layers.1.post_attention_layernorm", "model.norm", "down_proj"],
      ...["layers.0.self_attn.q_proj.base_layer", "layers.1.mlp.gate_proj"],
    ],
    frozen: ["layers.0.input_layernorm", "layers.0.post_attention_layernorm", "embed_tokens"],
  },
  {
    name: "a whole param group frozen",
    words: ["--freeze", "*norm.weight"],
    change: { freeze: ["norm"] },
    trained: trained.filter((part) => part !== "norm"),
    frozen: ["norm"],
  },
  {
    name: "all of the base frozen",
    words: ["--freeze", "model.*"],
    change: { freeze: trained },
    trained: [],
    frozen: trained,
  },
];

const labels = cases.map((_, at) => `edit-${at}`);
const saved = tools.at("whole", "checkpoint-3");
const base = ["--base", tools.at("base")];
let whole: Answer;
let expected: readonly Answer[];
let found: readonly Answer[];
let movedNames: readonly (readonly string[])[];
let grown: readonly [Answer, Answer, Answer];

beforeAll(async () => {
  const answers = await tools.answers([
    { base: tools.at("base") },
    { trainer: tools.named("whole", run) },
    ...cases.map(({ change }, at) => ({
      trainer: tools.named(`whole-${at}`, { ...run, change: { at: 3, ...change } }),
    })),
  ]);
  whole = answers[1] as Answer;
  expected = answers.slice(2);
  for (const [at, { words }] of cases.entries())
    await tenon("edit", saved, ...base, ...words, "--to", "trainer", "-o", tools.at(`edit-${at}`));
  await tenon("convert", saved, ...base, "--to", "trainer", "-o", tools.at("plain"));
  const rank = ["--lora-rank", "default=5", "--seed", "3"];
  await tenon("edit", saved, ...base, ...rank, "--to", "trainer", "-o", tools.at("wide"));
  const resumed = (name: string, more: object): object => ({
    trainer: tools.named(`${name}-on`, { ...run, resume: tools.at(name), ...more }),
  });
  const rest = await tools.answers([
    ...cases.map((each, at) => resumed(`edit-${at}`, { trained: [lora, ...each.trained] })),
    ...labels.map((name) => ({
      moved: [`${saved}/model.safetensors`, tools.at("held", `${name}-on.safetensors`)],
    })),
    { grown: [tools.at("plain"), tools.at("wide"), 5, tools.at("padded")] },
    resumed("wide", { rank: 5 }),
    resumed("padded", { rank: 5 }),
    {
      moved: [tools.at("wide", "adapter_model.safetensors"), tools.at("padded", "adapter_model.safetensors")],
    },
  ]);
  found = rest.slice(0, cases.length);
  movedNames = rest.slice(cases.length, 2 * cases.length).map(({ names }) => names ?? []);
  grown = rest.slice(2 * cases.length + 1) as [Answer, Answer, Answer];
}, 240_000);

describe.each(cases.map((each, at) => [each.name, each, at] as const))("%s", (_, { frozen }, at) => {
  it("goes on to the bit as a run in which it was changed on the way", () => {
    expect(found[at]?.losses).toEqual(expected[at]?.losses);
    expect(found[at]?.losses?.slice(0, 4)).toEqual(whole.losses?.slice(0, 4));
    // The change is one: without it the run goes elsewhere.
    expect(found[at]?.losses?.slice(4)).not.toEqual(whole.losses?.slice(4));
    expect(tools.heldBytes(`edit-${at}-on`).equals(tools.heldBytes(`whole-${at}`))).toBe(true);
  });

  it("moves what is trained, and of what is frozen not a bit", () => {
    const names = movedNames[at] ?? [];
    expect(names.filter((name) => frozen.some((part) => name.includes(part)))).toEqual([]);
    expect(names.some((name) => name.includes("lora_A"))).toBe(true);
    expect(names.length).toBeGreaterThan(7);
  });
});

describe("a higher lora rank", () => {
  it("has the same first loss, and goes on as from torch's own zero padding", () => {
    const [wide, padded, apart] = grown;
    expect(apart.names).toEqual([]);
    expect(wide.losses).toEqual(padded.losses);
    expect(tools.heldBytes("wide-on").equals(tools.heldBytes("padded-on"))).toBe(true);
    expect(wide.losses?.slice(0, 4)).toEqual(whole.losses?.slice(0, 4));
    // The new ranks act from the first step on.
    expect(wide.losses?.slice(4)).not.toEqual(whole.losses?.slice(4));
  });
});
