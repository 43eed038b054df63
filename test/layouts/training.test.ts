import { describe, expect, it } from "vitest";
import { memoryTree } from "../../src/bytes/index.ts";
import type { OptimizerComponent, Shape, Tensor } from "../../src/core/index.ts";
import { formats, safetensors } from "../../src/formats/index.ts";
import { detectLayout, layouts, trainer } from "../../src/layouts/index.ts";
import { findLostBase } from "../../src/layouts/lost-base.ts";
import { assemble } from "../contract/format.contract.ts";
import { openFixture } from "./fixtures.ts";

function tensorFile(name: string): Uint8Array {
  const layout = safetensors.layOut?.([{ name, dtype: "F32", shape: [1, 2] }], {});
  if (layout === undefined) throw new Error("safetensors writes");
  return assemble(layout, (_, length) => new Uint8Array(length));
}

const moment = (shape: Shape): Tensor => ({ shape }) as Tensor;

function optimizer(...states: Record<string, Shape>[]): OptimizerComponent {
  const entries = states.map(
    (state, at) =>
      [String(at), new Map(Object.entries(state).map(([name, shape]) => [name, moment(shape)]))] as const,
  );
  return { file: "optimizer.pt", states: new Map(entries), groups: [] };
}

describe("moments without a parameter", () => {
  it("are those that no saved tensor of the same shape explains, one for one", () => {
    const trained = optimizer(
      { step: [], exp_avg: [4, 8] },
      { step: [], exp_avg: [8, 4] },
      { exp_avg: [8, 8] },
      { exp_avg: [8, 8] },
    );
    expect(
      findLostBase(trained, [
        [4, 8],
        [8, 4],
      ]),
    ).toEqual({ count: 2, shapes: ["[8, 8] × 2"] });
    expect(
      findLostBase(trained, [
        [4, 8],
        [8, 4],
        [8, 8],
      ]),
    ).toEqual({ count: 1, shapes: ["[8, 8] × 1"] });
    expect(findLostBase(trained, [[8, 8], [4, 8], [8, 8], [8, 4], [1]])).toBeUndefined();
  });

  it("are told from Adafactor's row and column, SGD's buffer and 8-bit states", () => {
    const trained = optimizer(
      { exp_avg_sq_row: [6], exp_avg_sq_col: [3] },
      { momentum_buffer: [5] },
      { state1: [2, 2], qmap1: [256] },
    );
    expect(findLostBase(trained, [])?.shapes).toEqual(["[6, 3] × 1", "[5] × 1", "[2, 2] × 1"]);
  });

  it("are never claimed for states that do not show a parameter's shape", () => {
    expect(findLostBase(optimizer({ step: [] }, { something: [3, 3] }), [])).toBeUndefined();
  });
});

describe("the output of a whole training run", () => {
  const adapter = ["adapter_config.json", "adapter_model.safetensors"];
  const config = '{"peft_type": "LORA", "r": 1, "lora_alpha": 1, "target_modules": ["a"]}';
  const runFiles = (folders: readonly string[], extra: Record<string, string> = {}) =>
    new Map<string, Uint8Array | string>([
      ...folders.flatMap((folder) => [
        [folder + adapter[0], config] as const,
        [folder + adapter[1], tensorFile("base_model.model.a.lora_A.weight")] as const,
      ]),
      ...Object.entries(extra),
    ]);

  it("is the adapter at its top; the checkpoints on the way are no adapters of it", async () => {
    const tree = memoryTree(
      runFiles(["", "checkpoint-5/", "kept/", "second/"], { "kept/trainer_state.json": "{}" }),
    );
    const { layout } = await detectLayout(tree, layouts);
    await using checkpoint = await layout.open(tree, { formats });
    expect([...checkpoint.adapters.keys()]).toEqual(["default", "second"]);
  });

  it("is refused with the checkpoints to choose from when its top holds nothing", async () => {
    const tree = memoryTree(runFiles(["checkpoint-5/", "checkpoint-10/"]));
    await expect(detectLayout(tree, layouts)).rejects.toThrow(
      /checkpoint-10, checkpoint-5 are here, each a checkpoint to point at/,
    );
  });
});

describe("a trainer checkpoint", () => {
  it("gives the optimizer's groups and states as torch saved them", async () => {
    await using checkpoint = await openFixture("hybrid/qv/trainer-peft/checkpoint-3");
    const { groups, states } = checkpoint.optimizer as OptimizerComponent;
    expect(groups).toHaveLength(2);
    expect(groups[0]?.settings["betas"]).toEqual([0.9, 0.999]);
    expect(groups.flatMap(({ parameters }) => parameters).sort()).toEqual([...states.keys()].sort());
    for (const state of states.values()) {
      expect([...state.keys()].sort()).toEqual(["exp_avg", "exp_avg_sq", "step"]);
      expect(state.get("step")?.shape).toEqual([]);
    }
  });

  it("says where the weights are when DeepSpeed kept them and the layout is asked for by name", async () => {
    const files = new Map<string, Uint8Array | string>([
      ["adapter_config.json", '{"peft_type": "LORA", "r": 1, "lora_alpha": 1, "target_modules": ["a"]}'],
      ["adapter_model.safetensors", tensorFile("base_model.model.a.lora_A.weight")],
      ["trainer_state.json", '{"global_step": 7, "log_history": [{"loss": NaN}]}'],
      ["latest", "global_step7\n"],
      ["global_step7/zero_pp_rank_0_mp_rank_00_model_states.pt", "x"],
    ]);
    const tree = memoryTree(files);
    await using checkpoint = await trainer.open(tree, { formats });
    expect(checkpoint.observations.find(({ code }) => code === "TENON_WEIGHTS_IN_SHARDS")).toEqual({
      code: "TENON_WEIGHTS_IN_SHARDS",
      names: ["global_step7"],
      facts: { zero: ["global_step7"], latest: "global_step7" },
    });
    expect(checkpoint.trainer?.documents.get("trainer_state.json")?.["global_step"]).toBe(7);
    expect(checkpoint.optimizer).toBeUndefined();
  });
});
