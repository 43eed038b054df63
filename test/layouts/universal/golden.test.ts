import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { bytesOf, expectSameTensors, fixturePath, openFixture } from "../fixtures.ts";
import { canonicalOf, cases, expectedWeights, groupsOf, stateOf, truthOf, weightsIn } from "../zero/cases.ts";

const made = readdirSync(fixturePath("universal"));

it("is there for each stage, for ties and for frozen weights left out", () => {
  const found = cases.filter(({ case: name }) => made.includes(name));
  expect(new Set(found.map(({ stage }) => stage))).toEqual(new Set([1, 2, 3]));
  expect(found.some(({ tied }) => tied === true)).toBe(true);
  expect(found.some(({ exclude_frozen }) => exclude_frozen === true)).toBe(true);
});

// Stages 1 and 2 keep tensors with their shapes and a step each; stage 3 bare flat ones, and a step for all.
describe.each(made)("the universal checkpoint of %s", (name) => {
  const facts = cases.find((each) => each.case === name);
  if (facts === undefined) throw new Error(`no case ${name}`);
  const trained = groupsOf(name).flatMap(({ names }) => names).length;

  it("has the live engine's weights, bit for bit", async () => {
    await using checkpoint = await openFixture(`universal/${name}`);
    expect(checkpoint.layout).toBe("universal");
    await expectSameTensors(weightsIn(checkpoint), await expectedWeights(facts));
    expect(checkpoint.base?.isComplete).toBe(facts.exclude_frozen !== true);
    const owner = checkpoint.base?.ties.get("lm_head.weight");
    expect(owner).toBe(facts.tied === true ? "model.embed_tokens.weight" : undefined);
  });

  it("has the live engine's masters and moments, bit for bit", async () => {
    await using checkpoint = await openFixture(`universal/${name}`);
    for (const state of ["fp32", "exp_avg", "exp_avg_sq"]) {
      const truth = await truthOf(name, state);
      expect(truth?.size).toBe(trained);
      await expectSameTensors(stateOf(checkpoint, state), truth ?? new Map());
    }
  });

  it("has the run's groups, steps and counters", async () => {
    await using checkpoint = await openFixture(`universal/${name}`);
    const groups = groupsOf(name);
    const found = checkpoint.optimizer?.groups ?? [];
    expect(found.map(({ parameters }) => [...parameters].sort())).toEqual(
      groups.map(({ names }) => names.map(canonicalOf).sort()),
    );
    expect(found.map(({ settings }) => settings["weight_decay"])).toEqual([0.1, 0]);
    const steps = stateOf(checkpoint, "step");
    expect(steps.size).toBe(trained);
    for (const step of steps.values())
      expect(new DataView((await bytesOf(step)).buffer).getFloat32(0, true)).toBe(3);
    expect(checkpoint.trainer?.documents.get("deepspeed.json")).toMatchObject({
      tag: "global_step3_universal",
      global_steps: 3,
      ds_version: "0.19.6",
    });
    expect(checkpoint.trainer?.documents.get("client_state.json")).toEqual({ note: "kept" });
  });

  it("reads only the asked-for bytes, where they lie", async () => {
    await using checkpoint = await openFixture(`universal/${name}`);
    const key = "model.layers.1.mlp.up_proj.weight";
    const tensor = checkpoint.optimizer?.states.get(key)?.get("exp_avg");
    expect(tensor?.shape).toEqual([24, 16]);
    const [extent, ...more] = tensor?.extents ?? [];
    expect(more).toEqual([]);
    const bytes = readFileSync(extent?.path ?? "");
    const part = new Uint8Array(8);
    await tensor?.read(40, part);
    const from = (extent?.byteOffset ?? 0) + 40;
    expect(Buffer.compare(part, bytes.subarray(from, from + 8))).toBe(0);
  });

  it("is read from its own folder too", async () => {
    await using checkpoint = await openFixture(`universal/${name}/global_step3_universal`);
    expect(checkpoint.layout).toBe("universal");
    await expectSameTensors(stateOf(checkpoint, "fp32"), (await truthOf(name, "fp32")) ?? new Map());
    expect(fixturePath(`universal/${name}/global_step3_universal`)).toBe(checkpoint.location);
  });
});
