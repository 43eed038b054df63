import { execFile } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { scratch, tenon } from "./command.ts";
import { interpreter } from "./python.ts";

// A save of three steps, by DeepSpeed or accelerate, that tenon edits on the way to a universal checkpoint: DeepSpeed goes on from
// it as accelerate does where the same is changed in the live run.

interface Answer {
  readonly losses: readonly number[];
  readonly rates: readonly number[];
  /** Names of parameters that no step moved. */
  readonly still: readonly string[];
}

const folder = scratch();
const at = (...names: string[]): string => join(folder.path, ...names);
afterAll(() => folder.remove());

const weightsOf = (name: string): string => at("weights", `${name}.safetensors`);
const answerOf = (name: string): Answer =>
  JSON.parse(readFileSync(`${weightsOf(name)}.json`, "utf8")) as Answer;

let calls = 0;
async function train(plan: readonly object[]): Promise<void> {
  const path = at(`plan-${++calls}.json`);
  writeFileSync(path, JSON.stringify(plan));
  const program = join(import.meta.dirname, "deepspeed_runs.py");
  await promisify(execFile)(interpreter, ["-W", "ignore", program, path], { maxBuffer: 16 * 2 ** 20 });
}

const some = {
  words: [
    ...["--freeze", "model.layers.0.*norm.weight", "--freeze", "model.embed_tokens.weight"],
    ...["--set", "0:weight_decay=0.05", "--set", "1:betas=[0.8,0.99]"],
  ],
  freeze: ["layers.0.input_layernorm", "layers.0.post_attention_layernorm", "embed_tokens"],
  settings: { 0: { weight_decay: 0.05 }, 1: { betas: [0.8, 0.99] } },
  trained: [
    ...["lora_", "layers.1.input_layernorm", "layers.1.post_attention_layernorm", "model.norm", "up_proj"],
    "q_proj.base_layer",
  ],
};
/** The first group loses all of its parameters, and the schedule has a rate for each of two. */
const group = {
  words: ["--freeze", "default:*", "--freeze", "*q_proj.weight", "--freeze", "model.embed_tokens.weight"],
  freeze: ["lora_", "q_proj.base_layer", "embed_tokens"],
  settings: {},
  trained: ["norm", "up_proj"],
};
const changes = { some, group };

/** What is edited, and as what it goes on. */
const cases = [
  { name: "accelerate-some", from: "accelerate", change: "some", stage: 2, world: 1 },
  { name: "deepspeed-some", from: "z2-f32", change: "some", stage: 1, world: 2 },
  { name: "deepspeed-group", from: "z2-f32", change: "group", stage: 2, world: 4 },
] as const;
/** A higher rank in bf16, where worlds of 1, 2 and 4 agree to the last bit. */
const wider = [
  { name: "wide-z2", stage: 2, world: 4 },
  { name: "wide-z1", stage: 1, world: 1 },
] as const;

beforeAll(async () => {
  for (const name of ["weights", "saves", "edited"]) mkdirSync(at(name));
  const live = { groups: "two", dtype: "float32", steps: 6 };
  const save = (name: string): object => ({ at: 3, in: at("saves", name) });
  const named = (name: string): object => ({ name, weights: weightsOf(name) });
  const changed = Object.entries(changes).map(([name, { freeze, settings }]) => ({
    accelerate: { ...live, ...named(`changed-${name}`), change: { at: 3, freeze, settings } },
  }));
  await train([
    { accelerate: { ...live, ...named("accelerate"), save: save("accelerate"), order: at("order.txt") } },
    ...changed,
    {
      world: 2,
      runs: [
        { ...live, ...named("z2-f32"), stage: 2, save: save("z2-f32") },
        { ...live, ...named("z2-bf16"), stage: 2, dtype: "bfloat16", save: save("z2-bf16") },
      ],
    },
  ]);
  const edit = (from: string, to: string, words: readonly string[]): Promise<unknown> =>
    tenon("edit", at("saves", from), ...words, "--to", "universal", "-o", at("edited", to));
  for (const { name, from, change } of cases) {
    const order = from === "accelerate" ? ["--param-order", at("order.txt")] : [];
    await edit(from, name, [...changes[change].words, ...order]);
  }
  await edit("z2-bf16", "wide", ["--lora-rank", "default=4"]);
  const resumed = (start: string): object => ({
    steps: 3,
    resume: at("edited", start),
    start: at("edited", start),
  });
  const note = (from: string): object => (from === "accelerate" ? {} : { note: "kept" });
  const runs = [
    ...cases.map(({ name, from, change, stage, world }) => ({
      world,
      ...{ ...live, ...named(name), ...resumed(name), ...note(from), stage },
      trained: changes[change].trained,
    })),
    ...wider.map(({ name, stage, world }) => ({
      world,
      ...{ ...live, ...named(name), ...resumed("wide"), ...note("z2"), stage, dtype: "bfloat16" },
    })),
  ];
  const worlds = [...new Set(runs.map(({ world }) => world))];
  await train(worlds.map((world) => ({ world, runs: runs.filter((each) => each.world === world) })));
}, 300_000);

const largest = (one: readonly number[], other: readonly number[]): number =>
  Math.max(...one.map((value, index) => Math.abs(value - (other[index] as number))));

/** One unit in the last place of a loss between 2 and 4. */
const lossUlp = 2 ** -22;

describe.each(cases.map((each) => [each.name, each] as const))("%s", (name, { from, change }) => {
  it("goes on as a run that was changed on the way, as exactly as the engines agree on one that was not", () => {
    const [found, expected, plain] = [answerOf(name), answerOf(`changed-${change}`), answerOf("accelerate")];
    expect(found.losses[0]).toBe(answerOf(from).losses[3]);
    expect(found.rates).toEqual(plain.rates.slice(3));
    const apart = largest(plain.losses, answerOf("z2-f32").losses);
    const bound = 4 * Math.max(apart, lossUlp);
    expect(bound).toBeLessThan(1e-5);
    expect(largest(found.losses, expected.losses.slice(3))).toBeLessThanOrEqual(bound);
    // The change is one: without it the run goes elsewhere.
    expect(largest(found.losses, plain.losses.slice(3))).toBeGreaterThan(100 * bound);
  });

  it("moves what is trained, and of what is frozen not a bit", () => {
    const { still } = answerOf(name);
    const { freeze, trained } = changes[change];
    for (const part of freeze)
      expect(
        still.filter((each) => each.includes(part)),
        part,
      ).not.toEqual([]);
    expect(still.filter((each) => trained.some((part) => each.includes(part)))).toEqual([]);
  });
});

describe("a higher lora rank", () => {
  const [one, other] = wider.map(({ name }) => name) as [string, string];

  it("has the same first loss, in any stage and world", () => {
    for (const name of [one, other])
      expect(answerOf(name).losses[0], name).toBe(answerOf("z2-bf16").losses[3]);
    expect(answerOf(one).losses).toEqual(answerOf(other).losses);
    expect(readFileSync(weightsOf(one)).equals(readFileSync(weightsOf(other)))).toBe(true);
  });

  it("trains the new ranks", () => {
    expect(answerOf(one).losses.slice(1)).not.toEqual(answerOf("z2-bf16").losses.slice(4));
    expect(answerOf(one).still.filter((name) => name.includes("lora_"))).toEqual([]);
  });
});
