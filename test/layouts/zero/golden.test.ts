import { describe, expect, it } from "vitest";
import type { Checkpoint, Tensor } from "../../../src/core/index.ts";
import { bytesOf, expectSameTensors, openFixture } from "../fixtures.ts";
import { canonicalOf, cases, groupsOf, truthOf, type ZeroCase } from "./cases.ts";

const states = ["exp_avg", "exp_avg_sq", "momentum_buffer", "max_exp_avg_sq"];

/** Base and adapter parameters by canonical name, aliases included. */
function weightsIn({ base, adapters }: Checkpoint): Map<string, Tensor> {
  const found = new Map(base?.tensors);
  for (const { path, loraA, loraB } of adapters.get("default")?.modules.values() ?? []) {
    if (loraA) found.set(`default:${path}.lora_A`, loraA);
    if (loraB) found.set(`default:${path}.lora_B`, loraB);
  }
  return found;
}

function stateOf({ optimizer }: Checkpoint, state: string): Map<string, Tensor> {
  const found = new Map<string, Tensor>();
  for (const [name, own] of optimizer?.states ?? []) {
    const tensor = own.get(state);
    if (tensor !== undefined) found.set(name, tensor);
  }
  return found;
}

/** What a case must give: in stage 3 trained weights are the masters, and what was frozen may have been left out. */
async function expectedWeights({
  case: name,
  stage,
  exclude_frozen,
}: ZeroCase): Promise<Map<string, Tensor>> {
  const expected = new Map(await truthOf(name, "model"));
  const masters = (await truthOf(name, "fp32")) ?? new Map<string, Tensor>();
  const trained = new Set(groupsOf(name).flatMap(({ names }) => names.map(canonicalOf)));
  for (const parameter of [...expected.keys()]) {
    if (exclude_frozen === true && !trained.has(parameter)) expected.delete(parameter);
    const master = masters.get(parameter);
    if (stage === 3 && master !== undefined) expected.set(parameter, master);
  }
  return expected;
}

describe("every fixture of DeepSpeed", () => {
  it("is of each stage", () => {
    expect(new Set(cases.map(({ stage }) => stage))).toEqual(new Set([0, 1, 2, 3]));
  });

  for (const each of cases) {
    const { case: name, stage, world, steps = 3 } = each;
    it(`${name}: the weights are the live engine's, bit for bit`, async () => {
      await using checkpoint = await openFixture(`zero/${name}`);
      expect(checkpoint.layout).toBe("zero");
      await expectSameTensors(weightsIn(checkpoint), await expectedWeights(each));
      expect(checkpoint.base?.isComplete).toBe(each.exclude_frozen !== true);
      if (each.tied === true)
        expect(checkpoint.base?.ties.get("lm_head.weight")).toBe("model.embed_tokens.weight");
    });

    if (stage > 0)
      it(`${name}: masters and moments are the live engine's, bit for bit`, async () => {
        await using checkpoint = await openFixture(`zero/${name}`);
        const masters = await truthOf(name, "fp32");
        await expectSameTensors(stateOf(checkpoint, "fp32"), masters ?? new Map());
        let compared = 0;
        for (const state of states) {
          const truth = await truthOf(name, state);
          await expectSameTensors(stateOf(checkpoint, state), truth ?? new Map());
          compared += truth?.size ?? 0;
        }
        expect(compared > 0).toBe(steps > 0);
      });

    if (stage > 0)
      it(`${name}: groups, steps and counters are the run's`, async () => {
        await using checkpoint = await openFixture(`zero/${name}`);
        const groups = groupsOf(name);
        const found = checkpoint.optimizer?.groups ?? [];
        expect(found.map(({ parameters }) => [...parameters].sort())).toEqual(
          groups.map(({ names }) => names.map(canonicalOf).sort()),
        );
        if (each.zero?.elastic_checkpoint !== true)
          expect(found.map(({ settings }) => settings["weight_decay"])).toEqual(
            groups.map(({ weight_decay }) => weight_decay),
          );
        const counted = [...stateOf(checkpoint, "step").values()];
        for (const step of counted) {
          expect(step.shape).toEqual([]);
          expect(new DataView((await bytesOf(step)).buffer).getFloat32(0, true)).toBe(steps);
        }
        // torch's SGD keeps no step.
        const hasSteps = steps > 0 && each.optimizer !== "sgd";
        expect(counted.length).toBe(hasSteps ? groups.flatMap(({ names }) => names).length : 0);
        const run = checkpoint.trainer?.documents.get("deepspeed.json");
        expect(run).toMatchObject({ global_steps: steps, dp_world_size: world, ds_version: "0.19.6" });
        expect(checkpoint.trainer?.documents.get("client_state.json")).toEqual({ note: "kept" });
      });
  }
});
