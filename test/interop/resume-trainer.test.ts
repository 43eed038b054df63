import { existsSync, readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { scratch, tenon } from "./command.ts";
import { type Answer, TrainingRuns } from "./training-runs.ts";

// transformers' Trainer trains; what it saved goes through tenon, and the Trainer goes on from there.

const folder = scratch();
const tools = new TrainingRuns(folder.path);

afterAll(() => folder.remove());

describe.each(["hybrid", "whole"])("a run of the Trainer: %s", (kind) => {
  const saved = tools.at(kind, "checkpoint-3");
  const words = kind === "hybrid" ? ["--base", tools.at("base")] : [];
  let whole: Answer;
  let found: readonly Answer[];

  beforeAll(async () => {
    const trained = { trainer: tools.named(kind, { kind, keeps_base: true }) };
    [, whole] = (await tools.answers([{ base: tools.at("base") }, trained])) as [Answer, Answer];
    await tenon("convert", saved, ...words, "--to", "trainer", "-o", tools.at(`${kind}-direct`));
    await tenon("convert", saved, ...words, "--to", "tenon", "-o", tools.at(`${kind}-parts`));
    await tenon(
      "convert",
      tools.at(`${kind}-parts`),
      ...words,
      "--to",
      "trainer",
      "-o",
      tools.at(`${kind}-through`),
    );
    const resumed = (name: string): object => ({
      trainer: tools.named(`${name}-on`, { kind, resume: tools.at(name), keeps_base: true }),
    });
    found = await tools.answers([
      resumed(`${kind}-direct`),
      resumed(`${kind}-through`),
      { unlike: [saved, tools.at(`${kind}-through`)] },
      { unlike: [tools.at(kind, "checkpoint-4"), tools.at(`${kind}-through-on`, "checkpoint-4")] },
      { param_names: tools.at(`${kind}-through`, "optimizer.pt") },
    ]);
  });

  it("goes on from tenon's files as if it had never stopped, to the last bit", () => {
    expect(new Set(whole.losses).size).toBe(6);
    for (const [index, name] of [`${kind}-direct`, `${kind}-through`].entries()) {
      // The log of the first three steps is the checkpoint's own.
      expect(found[index]?.losses, name).toEqual(whole.losses);
      expect(tools.heldBytes(`${name}-on`).equals(tools.heldBytes(kind)), name).toBe(true);
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
