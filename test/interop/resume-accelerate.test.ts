import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { scratch, tenon } from "./command.ts";
import { type Answer, TrainingRuns } from "./training-runs.ts";

// Accelerate trains; what it saved goes through tenon, and it goes on from there.

const folder = scratch();
const tools = new TrainingRuns(folder.path);

afterAll(() => folder.remove());

describe.each(["hybrid", "whole"])("a run of Accelerate: %s", (kind) => {
  const name = `accelerate-${kind}`;
  const saved = tools.at(name, "3");
  let whole: Answer;
  let found: readonly Answer[];

  beforeAll(async () => {
    [, whole] = (await tools.answers([
      { base: tools.at("base") },
      { accelerate: tools.named(name, { kind }) },
      // For the checkpoint of the Trainer below.
      ...(kind === "hybrid" ? [{ trainer: tools.named(kind, { kind, keeps_base: true }) }] : []),
    ])) as [Answer, Answer];
    await tenon(
      "convert",
      saved,
      "--base",
      tools.at("base"),
      "--to",
      "accelerate",
      "-o",
      tools.at(`${name}-back`),
    );
    await tenon(
      "convert",
      saved,
      "--base",
      tools.at("base"),
      "--to",
      "tenon",
      "-o",
      tools.at(`${name}-parts`),
    );
    const parts = tools.at(`${name}-parts`);
    await tenon(
      "convert",
      parts,
      "--base",
      tools.at("base"),
      "--to",
      "accelerate",
      "-o",
      tools.at(`${name}-through`),
    );
    const resumed = (from: string): object => ({
      accelerate: tools.named(`${from}-on`, { kind, resume: tools.at(from), at: 3 }),
    });
    found = await tools.answers([
      resumed(`${name}-back`),
      resumed(`${name}-through`),
      { unlike: [saved, tools.at(`${name}-through`)] },
      { unlike: [tools.at(name, "4"), tools.at(`${name}-through-on`, "4")] },
      { param_names: tools.at(`${name}-through`, "optimizer.bin") },
    ]);
  });

  it("goes on from tenon's files as if it had never stopped, to the last bit", () => {
    expect(new Set(whole.losses).size).toBe(6);
    for (const [index, from] of [`${name}-back`, `${name}-through`].entries()) {
      expect(found[index]?.losses, from).toEqual(whole.losses?.slice(3));
      expect(tools.heldBytes(`${from}-on`).equals(tools.heldBytes(name)), from).toBe(true);
    }
  });

  it("has in tenon's files what is in its own, and saves in the next step what it would have saved", () => {
    const compared = ["model.safetensors", "optimizer.bin", "random_states_0.pkl", "scheduler.bin"];
    expect(found[2]).toEqual({ unlike: [], compared });
    expect(found[3]).toEqual({ unlike: [], compared });
    expect(found[4]?.names).toEqual(whole.names);
  });
});

describe("a checkpoint of the Trainer, as one of Accelerate", () => {
  it("is loaded strictly, and saved again as it was", async () => {
    const out = tools.at("trainer-as-accelerate");
    const lacking = ["--drop", "trainer_state.json", "--drop", "rng_state.pth"];
    const words = ["--base", tools.at("base"), "--to", "accelerate", "-o", out, ...lacking];
    await tenon("convert", tools.at("hybrid", "checkpoint-3"), ...words);
    const idle = tools.named("idle", {
      kind: "hybrid",
      resume: out,
      at: 3,
      steps: 3,
      save: tools.at("saved-again"),
    });
    const [, answer] = await tools.answers([
      { accelerate: idle },
      { unlike: [out, tools.at("saved-again")] },
    ]);
    // The schedule is of another class there, which adds what is its own.
    expect(answer?.unlike?.filter((each) => !each.startsWith("scheduler.bin"))).toEqual([]);
    expect(answer?.compared).toEqual(["model.safetensors", "optimizer.bin", "scheduler.bin"]);
  });
});
