import { existsSync, readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { scratch, tenon } from "./command.ts";
import { type Answer, TrainingRuns } from "./training-runs.ts";

// transformers' Trainer trains; what it saved goes through tenon, and the Trainer goes on from there.

const folder = scratch();
const tools = new TrainingRuns(folder.path);

afterAll(() => folder.remove());

const runs = [
  ["hybrid", "hybrid", "adamw_torch"],
  ["whole", "whole", "adamw_torch"],
  // Its step is a Python number, and its moments have not the shape of their parameters.
  ["adafactor", "hybrid", "adafactor"],
] as const;

describe.each(runs)("a run of the Trainer: %s", (run, kind, optim) => {
  const saved = tools.at(run, "checkpoint-3");
  const words = kind === "hybrid" ? ["--base", tools.at("base")] : [];
  let whole: Answer;
  let found: readonly Answer[];

  beforeAll(async () => {
    const trained = { trainer: tools.named(run, { kind, optim, keeps_base: true }) };
    [, whole] = (await tools.answers([{ base: tools.at("base") }, trained])) as [Answer, Answer];
    await tenon("convert", saved, ...words, "--to", "trainer", "-o", tools.at(`${run}-direct`));
    await tenon("convert", saved, ...words, "--to", "tenon", "-o", tools.at(`${run}-parts`));
    await tenon(
      "convert",
      tools.at(`${run}-parts`),
      ...words,
      "--to",
      "trainer",
      "-o",
      tools.at(`${run}-through`),
    );
    const resumed = (name: string): object => ({
      trainer: tools.named(`${name}-on`, { kind, optim, resume: tools.at(name), keeps_base: true }),
    });
    found = await tools.answers([
      resumed(`${run}-direct`),
      resumed(`${run}-through`),
      { unlike: [saved, tools.at(`${run}-through`)] },
      { unlike: [tools.at(run, "checkpoint-4"), tools.at(`${run}-through-on`, "checkpoint-4")] },
      { param_names: tools.at(`${run}-through`, "optimizer.pt") },
    ]);
  });

  it("goes on from tenon's files as if it had never stopped, to the last bit", () => {
    expect(new Set(whole.losses).size).toBe(6);
    for (const [index, name] of [`${run}-direct`, `${run}-through`].entries()) {
      // The log of the first three steps is the checkpoint's own.
      expect(found[index]?.losses, name).toEqual(whole.losses);
      expect(tools.heldBytes(`${name}-on`).equals(tools.heldBytes(run)), name).toBe(true);
    }
  });

  it("has in tenon's files what torch.load finds in its own, values, bits and types", () => {
    const state = ["optimizer.pt", "rng_state.pth", "scheduler.pt", "trainer_state.json"];
    expect(found[2]).toEqual({
      unlike: [],
      compared: kind === "whole" ? ["model.safetensors", ...state] : state,
    });
    // The names are those of the live optimizer, number by number.
    expect(found[4]?.names).toEqual(whole.names);
    expect(whole.names?.length).toBeGreaterThan(15);
  });

  it("saves from them in the next step what it would have saved", () => {
    expect(found[3]?.unlike).toEqual([]);
    expect(found[3]?.compared).toContain("model.safetensors");
  });
});

describe("the trained base of a hybrid", () => {
  it("is in the adapter's file, where the Trainer's own save of the adapter has none of it", () => {
    const sizes = [
      tools.at("hybrid", "checkpoint-3.adapter"),
      tools.at("hybrid-through", "adapter_model.safetensors"),
    ].map((path) => readFileSync(path).length);
    expect(sizes[1]).toBeGreaterThan((sizes[0] ?? 0) * 2);
    expect(existsSync(tools.at("hybrid-through", "model.safetensors"))).toBe(false);
  });
});
