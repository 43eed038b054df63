import { describe, expect, it } from "vitest";
import type { JsonRecord, Recipe, TensorMeta } from "../../src/core/index.ts";
import { type EditChanges, planEdit } from "../../src/plan/index.ts";
import { code } from "./refusal.ts";

const meta = (id: string, shape: readonly number[], dtype: TensorMeta["dtype"] = "F32"): TensorMeta => ({
  id,
  name: id,
  dtype,
  shape,
  byteLength: shape.reduce((product, size) => product * size, 1) * (dtype === "BF16" ? 2 : 4),
});
const recipe = (tensor: TensorMeta): Recipe => ({
  source: tensor,
  dtype: tensor.dtype,
  shape: tensor.shape,
  steps: [],
});

/** Two parameters that are trained, and others that are not. */
function planned(
  states: Record<string, Record<string, TensorMeta>>,
  changes: EditChanges,
  stepValues: Record<string, number> = {},
  documents: Record<string, JsonRecord> = {},
): ReturnType<typeof planEdit> {
  const tensors = new Map(
    [
      meta("a.weight", [2, 3]),
      meta("b.weight", [2, 3]),
      meta("c.weight", [4], "BF16"),
      meta("d.weight", [4], "I8"),
      meta("rotary_emb.inv_freq", [4]),
    ].map((each) => [each.id, each as never]),
  );
  const carried = {
    base: { tensors, isComplete: true, ties: new Map([["tied.weight", "c.weight"]]), shards: new Map() },
    adapters: [],
    optimizer: {
      states: new Map(
        Object.entries(states).map(([name, state]) => [
          name,
          new Map(Object.entries(state).map(([key, tensor]) => [key, recipe(tensor)])),
        ]),
      ),
      groups: [{ parameters: ["a.weight", "b.weight"], settings: { lr: 1, betas: [0.9, 0.99] } }],
    },
    trainer: { documents: new Map(Object.entries(documents)) },
  };
  return planEdit(
    {
      location: "here",
      carried,
      known: new Map(),
      knownTies: new Map([["alias.weight", "a.weight"]]),
      stepValues: new Map(Object.entries(stepValues)),
    },
    changes,
  );
}

const step = (name: string): TensorMeta => meta(`${name}/step`, []);
const moment = (name: string): TensorMeta => meta(`${name}/exp_avg`, [2, 3]);

describe("a plan of an edit", () => {
  it("knows a parameter by the name that it is tied to, in the source or in the base below", () => {
    expect(planned({}, { freeze: ["alias.weight"] }).difference.frozen).toEqual(["a.weight"]);
    expect(planned({}, { unfreeze: ["tied.weight"] }).difference.unfrozen).toMatchObject([
      { name: "c.weight" },
    ]);
  });

  it("tells of a schedule whose rates lie in the config of the run, as DeepSpeed's own do", () => {
    const settings = [{ paramGroup: 0, key: "lr", value: 2 }];
    const warmup = { "scheduler.json": { last_batch_iteration: 3 }, "deepspeed.json": { global_steps: 3 } };
    const { notes } = planned({}, { settings }, {}, warmup).difference;
    expect(notes).toHaveLength(1);
    expect(notes[0]).toMatch(/scheduler\.json\) may take learning rates.*--drop scheduler\.json/);
    const others = planned({}, { settings: [{ paramGroup: 0, key: "betas", value: [0, 0] }] }, {}, warmup);
    expect(others.difference.notes).toEqual([]);
  });

  it("refuses a step that a group does not agree on", () => {
    const states = { "a.weight": { step: step("a") }, "b.weight": { step: step("b") } };
    const run = (b: number) => () =>
      planned(states, { unfreeze: ["c.weight"] }, { "a/step": 4, "b/step": b });
    expect(code(run(5))).toBe("TENON_EDIT_STEP_DIFFERS");
    expect(run(4)().carried.optimizer?.states.get("c.weight")?.get("step")?.source.id).toBe("a/step");
  });

  it("refuses state whose start it does not know", () => {
    const states = { "a.weight": { exp_avg_sq_row: meta("a/row", [2]) } };
    expect(code(() => planned(states, { unfreeze: ["c.weight"] }))).toBe("TENON_EDIT_STATE_UNKNOWN");
  });

  it("refuses what is no float", () => {
    expect(code(() => planned({}, { unfreeze: ["d.weight"] }))).toBe("TENON_EDIT_NOT_TRAINABLE");
  });

  it("gives moments the dtype of the weight, as torch does, and F32 where there are masters", () => {
    const own = planned({ "a.weight": { exp_avg: moment("a") } }, { unfreeze: ["c.weight"] });
    expect(own.made.map(({ name, dtype }) => [name, dtype])).toEqual([["c.weight/exp_avg", "BF16"]]);
    const withMaster = planned(
      { "a.weight": { exp_avg: moment("a"), fp32: meta("a/fp32", [2, 3]) } },
      { unfreeze: ["c.weight"] },
    );
    expect(withMaster.made.map(({ name, dtype }) => [name, dtype])).toEqual([["c.weight/exp_avg", "F32"]]);
    expect(withMaster.carried.optimizer?.states.get("c.weight")?.get("fp32")).toMatchObject({
      dtype: "F32",
      source: { id: "c.weight", dtype: "BF16" },
    });
  });

  it("takes a tied name for its owner", () => {
    const { difference } = planned({}, { unfreeze: ["tied.*"] });
    expect(difference.unfrozen).toEqual([{ name: "c.weight", paramGroup: 0 }]);
  });

  it("freezes a tied name's owner too, and trains no buffer", () => {
    const { carried } = planned({}, { unfreeze: ["c.weight"] });
    expect(carried.optimizer?.groups[0]?.parameters).toContain("c.weight");
    const tied = planned({ "c.weight": { exp_avg: moment("c") } }, { freeze: ["tied.weight"] });
    expect(tied.difference.frozen).toEqual(["c.weight"]);
    expect(code(() => planned({}, { unfreeze: ["*rotary_emb.inv_freq"] }))).toBe(
      "TENON_EDIT_PATTERN_UNMATCHED",
    );
  });

  it("does not touch what it was given", () => {
    const states = { "a.weight": { exp_avg: moment("a") }, "b.weight": { exp_avg: moment("b") } };
    const { carried, difference } = planned(states, { freeze: ["a.*"] });
    expect(carried.optimizer?.groups).toEqual([
      { parameters: ["b.weight"], settings: { lr: 1, betas: [0.9, 0.99] } },
    ]);
    expect(difference.dropped).toEqual(["a.weight/exp_avg"]);
    expect(difference.paramGroups[0]).toMatchObject({ parametersBefore: 2, parametersAfter: 1 });
  });
});

describe("a group that parameters come to", () => {
  it("has them last, with a note, where the order of the model is not known", () => {
    const { carried, difference } = planned({}, { unfreeze: ["c.weight"] });
    expect(carried.optimizer?.groups[0]?.parameters).toEqual(["a.weight", "b.weight", "c.weight"]);
    expect(difference.notes.join()).toContain("What came to param group 0 stands last there");
    // Layouts that count parameters refuse it then.
    expect(carried.optimizer?.orderUnknown).toContain("stands last there");
  });
});
