import { expect, it } from "vitest";
import { memoryTree } from "../../../src/bytes/index.ts";
import type { Draft, JsonRecord } from "../../../src/core/index.ts";
import { formats } from "../../../src/formats/index.ts";
import { universal } from "../../../src/layouts/index.ts";
import { kept, writeDraft } from "../../contract/layout.contract.ts";

const moments = new Map(["exp_avg", "exp_avg_sq"].map((state) => [state, kept(state, [2])]));

async function through(deepspeed: JsonRecord): Promise<JsonRecord | undefined> {
  const draft: Draft = {
    base: { tensors: new Map([["a.weight", kept("a", [2])]]), isComplete: true, ties: new Map() },
    adapters: [],
    optimizer: {
      states: new Map([["a.weight", moments.set("step", kept("step", []))]]),
      groups: [{ parameters: ["a.weight"], settings: { lr: 0.5 } }],
    },
    trainer: { documents: new Map([["deepspeed.json", deepspeed]]) },
    companions: [],
    origin: {},
  };
  await using checkpoint = await universal.open(memoryTree(await writeDraft(universal, draft)), { formats });
  return checkpoint.trainer?.documents.get("deepspeed.json");
}

const scaler = {
  class: "deepspeed.runtime.fp16.loss_scaler.DynamicLossScaler",
  cur_scale: 65536,
  dynamic: true,
  cur_iter: 12,
  last_overflow_iter: -1,
  scale_factor: 2,
  scale_window: 1000,
  min_scale: 1,
  delayed_shift: 1,
  cur_hysteresis: 1,
  consecutive_hysteresis: false,
  raise_error_at_min_scale: true,
  dtype: "torch.float16",
};

it("keeps an fp16 run's loss scaler, counts and all", async () => {
  const run = await through({
    loss_scaler: scaler,
    dynamic_loss_scale: true,
    clip_grad: 1,
    global_steps: 12,
  });
  expect(run).toMatchObject({
    loss_scaler: scaler,
    dynamic_loss_scale: true,
    clip_grad: 1,
    global_steps: 12,
  });
});

it("says nothing that the source does not say: the engine then keeps what it is configured with", async () => {
  const run = await through({ global_steps: 12, loss_scaler: { class: "some.other.Scaler", cur_scale: 4 } });
  for (const key of ["loss_scaler", "dynamic_loss_scale", "overflow", "clip_grad"])
    expect(run).not.toHaveProperty(key);
});
