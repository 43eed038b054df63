import { describe, expect, it } from "vitest";
import { memoryTree } from "../../src/bytes/index.ts";
import type { Checkpoint, Draft, JsonRecord, OptimizerComponent, Tensor } from "../../src/core/index.ts";
import { formats } from "../../src/formats/index.ts";
import { trainer } from "../../src/layouts/index.ts";
import { inKnownOrder } from "../../src/layouts/known-order.ts";
import { kept, writeDraft } from "../contract/layout.contract.ts";
import { openFixture } from "./fixtures.ts";

const record = (fields: object): JsonRecord => Object.assign(Object.create(null), fields) as JsonRecord;
const layer = "model.layers.0.self_attn";
const names = [
  `${layer}.q_proj.weight`,
  `${layer}.k_proj.weight`,
  `${layer}.v_proj.weight`,
  "model.norm.weight",
];

/** A model whose modules have an order of registration, or none that is known. */
async function model(modelType = "llama"): Promise<Checkpoint> {
  const draft: Draft = {
    base: {
      tensors: new Map(names.map((name) => [name, kept(name, [4, 4])])),
      ties: new Map(),
      isComplete: true,
      config: record({ model_type: modelType }),
    },
    adapters: [],
    trainer: { documents: new Map([["trainer_state.json", record({ global_step: 1 })]]) },
    companions: [],
    origin: record({}),
  };
  return trainer.open(memoryTree(await writeDraft(trainer, draft)), { formats });
}

const optimizer = (...groups: readonly (readonly string[])[]): OptimizerComponent => ({
  file: "somewhere",
  states: new Map<string, ReadonlyMap<string, Tensor>>(),
  groups: groups.map((parameters) => ({ parameters, settings: record({ lr: 1 }) })),
  orderUnknown: "they were dealt out",
});

const shuffled = [names[2], names[0], names[3], names[1]] as string[];
const counted = ({ groups }: OptimizerComponent): readonly (readonly string[])[] =>
  groups.map(({ parameters }) => parameters);

describe("parameters of an optimizer whose order is lost", () => {
  it("stand as the model registers them, where one group holds them and the architecture is known", async () => {
    await using known = await model();
    const found = inKnownOrder(optimizer(shuffled), { ...known, companions: [] }, {});
    expect(counted(found)).toEqual([names]);
    expect(found.orderUnknown).toBeUndefined();
    expect(found.naming?.order).toMatch(/LLaMA/);
  });

  it("stay unknown in several groups, and in an architecture that no table has", async () => {
    await using known = await model();
    await using other = await model("unheard-of");
    for (const found of [
      inKnownOrder(optimizer(shuffled.slice(0, 2), shuffled.slice(2)), { ...known, companions: [] }, {}),
      inKnownOrder(optimizer(shuffled), { ...other, companions: [] }, {}),
    ])
      expect(found.orderUnknown).toBe("they were dealt out");
  });

  it("stand as --param-order says, through all groups", async () => {
    await using other = await model("unheard-of");
    const paramOrder = [names[3], names[1], names[0], names[2]] as string[];
    const groups = optimizer([names[0], names[2]] as string[], [names[1], names[3]] as string[]);
    const found = inKnownOrder(groups, { ...other, companions: [] }, { paramOrder });
    expect(counted(found)).toEqual([paramOrder.slice(0, 2), paramOrder.slice(2)]);
    expect(found.orderUnknown).toBeUndefined();
  });

  it("are refused an order that lacks one, has more, or mixes groups", async () => {
    await using known = await model();
    const groups = optimizer(names.slice(0, 2), names.slice(2));
    for (const [paramOrder, says] of [
      [names.slice(1), /lacks "model\.layers\.0\.self_attn\.q_proj\.weight"/],
      [[...names, "model.embed_tokens.weight"], /names 5 parameters, the optimizer has 4/],
      [[names[0], names[2], names[1], names[3]], /one group between those of another/],
    ] as const) {
      const order = (): unknown =>
        inKnownOrder(groups, { ...known, companions: [] }, { paramOrder: paramOrder as string[] });
      expect(order).toThrow(says);
      expect(order).toThrow(expect.objectContaining({ code: "TENON_PARAM_ORDER_MISFIT" }));
    }
  });

  it("are DeepSpeed's under round_robin_gradients, and its save in the order given otherwise", async () => {
    await using dealt = await openFixture("zero/z2-w2-round-robin");
    await using plain = await openFixture("zero/z2-w2-bf16");
    expect(plain.optimizer?.orderUnknown).toBeUndefined();
    const isOne = dealt.optimizer?.groups.length === 1;
    if (isOne) expect(dealt.optimizer?.groups).toEqual(plain.optimizer?.groups);
    else expect(dealt.optimizer?.orderUnknown).toMatch(/round_robin_gradients/);
  });
});
