import { execFile } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { scratch, tenon } from "./command.ts";
import { interpreter } from "./python.ts";

// transformers' Trainer trains; what it saved goes through tenon, and the Trainer goes on from there.

interface Answer {
  readonly losses?: readonly number[];
  readonly names?: readonly string[];
  /** What differs between two checkpoints, but for the names that tenon writes into param groups. */
  readonly unlike?: readonly string[];
  readonly compared?: readonly string[];
}

const folder = scratch();
const at = (...names: string[]): string => join(folder.path, ...names);
const heldBytes = (name: string): Buffer => readFileSync(at("held", `${name}.safetensors`));

afterAll(() => folder.remove());

let calls = 0;
/** Each start of torch takes longer than what is then asked of it, so a plan has many parts. */
async function runs(plan: readonly object[]): Promise<Answer[]> {
  const path = at(`plan-${++calls}.json`);
  writeFileSync(path, JSON.stringify(plan));
  const program = join(import.meta.dirname, "trainer_runs.py");
  const { stdout } = await promisify(execFile)(interpreter, [program, path], { maxBuffer: 16 * 2 ** 20 });
  const lines = stdout.split("\n").filter((line) => line.startsWith("{"));
  return lines.map((line) => JSON.parse(line) as Answer);
}

const run = (name: string, more: object): object => ({
  base: at("base"),
  out: at(name),
  weights: at("held", `${name}.safetensors`),
  ...more,
});

describe.each(["hybrid", "whole"])("a run of the Trainer: %s", (kind) => {
  const saved = at(kind, "checkpoint-3");
  const words = kind === "hybrid" ? ["--base", at("base")] : [];
  let whole: Answer;
  let found: readonly Answer[];

  beforeAll(async () => {
    const trained = { trainer: run(kind, { kind, keeps_base: true }) };
    [, whole] = (await runs([{ base: at("base") }, trained])) as [Answer, Answer];
    await tenon("convert", saved, ...words, "--to", "trainer", "-o", at(`${kind}-direct`));
    await tenon("convert", saved, ...words, "--to", "tenon", "-o", at(`${kind}-parts`));
    await tenon("convert", at(`${kind}-parts`), ...words, "--to", "trainer", "-o", at(`${kind}-through`));
    const resumed = (name: string): object => ({
      trainer: run(`${name}-on`, { kind, resume: at(name), keeps_base: true }),
    });
    found = await runs([
      resumed(`${kind}-direct`),
      resumed(`${kind}-through`),
      { unlike: [saved, at(`${kind}-through`)] },
      { unlike: [at(kind, "checkpoint-4"), at(`${kind}-through-on`, "checkpoint-4")] },
      { param_names: at(`${kind}-through`, "optimizer.pt") },
    ]);
  });

  it("goes on from tenon's files as if it had never stopped, to the last bit", () => {
    expect(new Set(whole.losses).size).toBe(6);
    for (const [index, name] of [`${kind}-direct`, `${kind}-through`].entries()) {
      // The log of the first three steps is the checkpoint's own.
      expect(found[index]?.losses, name).toEqual(whole.losses);
      expect(heldBytes(`${name}-on`).equals(heldBytes(kind)), name).toBe(true);
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
      at("hybrid", "checkpoint-3.adapter"),
      at("hybrid-through", "adapter_model.safetensors"),
    ].map((path) => readFileSync(path).length);
    expect(sizes[1]).toBeGreaterThan((sizes[0] ?? 0) * 2);
    expect(existsSync(at("hybrid-through", "model.safetensors"))).toBe(false);
  });
});
