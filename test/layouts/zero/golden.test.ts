import { describe, expect, it } from "vitest";
import { bytesOf, expectSameTensors, openFixture } from "../fixtures.ts";
import { canonicalOf, cases, expectedWeights, groupsOf, stateOf, truthOf, weightsIn } from "./cases.ts";

const states = ["exp_avg", "exp_avg_sq", "momentum_buffer", "max_exp_avg_sq"];

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
