import { describe, expect, it } from "vitest";
import { memoryTree } from "../../src/bytes/index.ts";
import type { JsonRecord, Observation } from "../../src/core/index.ts";
import { observeTraining } from "../../src/doctor/index.ts";
import { filesAt } from "../verbs/converted.ts";
import { tenon } from "../verbs/tenon.ts";

const record = (fields: object): JsonRecord => Object.assign(Object.create(null), fields) as JsonRecord;
const found = (documents: Readonly<Record<string, object>>, steps: readonly number[] = []): Observation[] =>
  observeTraining({
    trainer: {
      documents: new Map(Object.entries(documents).map(([name, fields]) => [name, record(fields)])),
    },
    steps,
    optimizerFile: "optimizer.pt",
  });

describe("steps of optimizer and Trainer", () => {
  const state = { "trainer_state.json": { global_step: 7 } };

  it("are compared by the largest: parameters may have joined on the way", () => {
    expect(found(state, [7, 3])).toEqual([]);
    expect(found(state, [])).toEqual([]);
    expect(found(state, [9, 3])).toEqual([
      {
        code: "TENON_OPTIMIZER_STEP_DIFFERS",
        names: ["optimizer.pt", "trainer_state.json"],
        facts: { optimizer: 9, trainer: 7 },
      },
    ]);
    expect(found(state, [6])[0]?.facts).toEqual({ optimizer: 6, trainer: 7 });
  });

  it("may be fewer under a loss scale, which skips steps, and not more", () => {
    const scaled = { ...state, "scaler.pt": {} };
    expect(found(scaled, [6])).toEqual([]);
    expect(found(scaled, [8])).toHaveLength(1);
  });

  it("are not compared where the Trainer does not tell", () => {
    expect(found({ "trainer_state.json": {}, "scheduler.pt": { last_epoch: 3 } }, [9])).toEqual([]);
    expect(observeTraining({ trainer: undefined, steps: [9] })).toEqual([]);
  });
});

describe("random states", () => {
  it("are named where a worker's is missing", () => {
    expect(found({ "rng_state_0.pth": {}, "rng_state_3.pth": {} })).toEqual([
      {
        code: "TENON_RANDOM_STATES_LACKING",
        names: ["rng_state_1.pth", "rng_state_2.pth"],
        facts: { found: 2, workers: 4 },
      },
    ]);
    expect(found({ "random_states_1.pkl": {} })[0]?.names).toEqual(["random_states_0.pkl"]);
    expect(found({ "rng_state_0.pth": {}, "rng_state_1.pth": {} })).toEqual([]);
    expect(found({ "rng_state.pth": {} })).toEqual([]);
  });

  it("are as many as DeepSpeed says that there were workers", () => {
    const own = { "rng_state_0.pth": {}, "deepspeed.json": { dp_world_size: 3 } };
    expect(found(own)[0]?.names).toEqual(["rng_state_1.pth", "rng_state_2.pth"]);
    expect(found({ "deepspeed.json": { dp_world_size: 3 } })).toEqual([]);
  });

  it("take no more time for a name that says a large number", () => {
    expect(found({ "rng_state_99999999999999999999.pth": {} })[0]?.names).toHaveLength(1000);
  });
});

describe("a checkpoint of the Trainer", () => {
  const parts = (folder: string, inside = ""): (readonly [string, Uint8Array])[] =>
    [...filesAt(`trainer-zero/checkpoint-3/${folder}`)].map(([name, bytes]) => [inside + name, bytes]);
  const source = (): Map<string, Uint8Array> =>
    new Map([...parts(""), ...parts("global_step3", "global_step3/")]);
  const codes = async (files: ReadonlyMap<string, Uint8Array>): Promise<string[]> => {
    const { findings } = await tenon.diagnose(memoryTree(files));
    return findings.map(({ code }) => code);
  };

  it("is examined for both", async () => {
    const whole = source();
    expect(await codes(whole)).not.toContain("TENON_RANDOM_STATES_LACKING");
    expect(await codes(whole)).not.toContain("TENON_OPTIMIZER_STEP_DIFFERS");
    const other = source();
    other.delete("rng_state_1.pth");
    const text = new TextDecoder().decode(other.get("trainer_state.json"));
    const changed = text.replace('"global_step": 3,', '"global_step": 4,');
    expect(changed).not.toBe(text);
    other.set("trainer_state.json", new TextEncoder().encode(changed));
    expect(await codes(other)).toContain("TENON_RANDOM_STATES_LACKING");
    expect(await codes(other)).toContain("TENON_OPTIMIZER_STEP_DIFFERS");
  });
});
