import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { expectSameTensors, openFixture } from "../layouts/fixtures.ts";
import { canonicalOf, type Group, stateOf, weightsIn } from "../layouts/zero/cases.ts";
import { convertInMemory, openFiles, splitInMemory } from "./converted.ts";
import { fixture, tenon } from "./tenon.ts";

// A real run of the Trainer with PEFT under DeepSpeed: the adapter beside the tag folder, the trained base only inside it.
const source = fixture("trainer-zero/checkpoint-3");
const base = fixture("trainer-zero/base");
const groups = JSON.parse(readFileSync(fixture("trainer-zero/truth/groups.json"), "utf8")) as Group[];

async function truthOf(kind: string): Promise<Map<string, never>> {
  const { entries } = await openFixture(`trainer-zero/truth/${kind}.safetensors`);
  return new Map(entries.map(({ tensor }) => [canonicalOf(tensor.name), tensor as never]));
}

it("is read from the tag folder, with everything that lies beside it", async () => {
  await using checkpoint = await tenon.open(source);
  expect(checkpoint.layout).toBe("zero");
  expect(checkpoint.base?.isComplete).toBe(false);
  expect(checkpoint.adapters.get("default")?.config?.["r"]).toBe(2);
  for (const state of ["fp32", "exp_avg", "exp_avg_sq"])
    await expectSameTensors(stateOf(checkpoint, state), await truthOf(state));
  const found = checkpoint.optimizer?.groups ?? [];
  expect(found.map(({ parameters }) => [...parameters].sort())).toEqual(
    groups.map(({ names }) => names.map(canonicalOf).sort()),
  );
  expect(found.map(({ settings }) => settings["weight_decay"])).toEqual([0.01, 0]);
  const documents = checkpoint.trainer?.documents;
  expect(documents?.get("deepspeed.json")).toMatchObject({ global_steps: 3, zero_stage: 2 });
  expect(documents?.get("scheduler.pt")).toMatchObject({ last_epoch: 3 });
  expect(documents?.get("trainer_state.json")).toMatchObject({ global_step: 3 });
  expect([...(documents?.keys() ?? [])]).toEqual(
    expect.arrayContaining(["rng_state_0.pth", "rng_state_1.pth"]),
  );
});

it("is split with its base into the model that was trained", async () => {
  const { files } = await splitInMemory(source, { base });
  await using split = await openFiles(files);
  const live = await truthOf("model");
  for (const [name, tensor] of weightsIn(split))
    await expectSameTensors(new Map([[name, tensor]]), new Map([[name, live.get(name) as never]]));
  for (const { names } of groups)
    for (const name of names) expect(weightsIn(split).has(canonicalOf(name)), name).toBe(true);
});

it("is converted to a universal checkpoint that has the Trainer's schedule", async () => {
  const { files, report } = await convertInMemory(source, "universal", { base });
  await using written = await openFiles(files);
  expect(written.base?.isComplete).toBe(true);
  await expectSameTensors(weightsIn(written), await truthOf("model"));
  for (const state of ["fp32", "exp_avg", "exp_avg_sq"])
    await expectSameTensors(stateOf(written, state), await truthOf(state));
  const documents = written.trainer?.documents;
  expect(documents?.get("scheduler.json")).toMatchObject({ last_epoch: 3, base_lrs: [0.005, 0.005] });
  expect([...(documents?.keys() ?? [])]).toEqual(
    expect.arrayContaining(["rng_state_0.pth", "trainer_state.json"]),
  );
  expect(report.advice[0]).toContain("build the model from base/ with adapters/default/ on it");
});
