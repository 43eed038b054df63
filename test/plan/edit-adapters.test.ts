import { describe, expect, it } from "vitest";
import type { JsonRecord, NameMeaning, Recipe, Role, Shape, TensorMeta } from "../../src/core/index.ts";
import { type CarriedAdapter, type EditChanges, type EditPlan, planEdit } from "../../src/plan/index.ts";
import { code } from "./refusal.ts";

const recipe = (name: string, shape: Shape, dtype: TensorMeta["dtype"] = "F32"): Recipe => {
  const byteLength = shape.reduce((product, size) => product * size, dtype === "F32" ? 4 : 2);
  return { source: { id: name, name, dtype, shape, byteLength }, dtype, shape, steps: [] };
};

const parameter = (name: string, role: Role, shape: Shape, module = "model.layers.0.mlp.up_proj") => {
  const leaf = role === "plain" ? "bias" : "";
  const meaning: NameMeaning = { role, module, leaf, nesting: 0, wrappers: [] };
  return { meaning, recipe: recipe(`${name} ${module} ${role}`, shape) };
};

const up = "model.layers.0.mlp.up_proj";
const bias = `${up}.bias`;

/** Rank 2, alpha 4; carries the bias of its module whole where `bias` is not none. */
function adapter(name: string, config: JsonRecord = {}): CarriedAdapter {
  const carriesBias = config["bias"] === "lora_only";
  return {
    name,
    config: { peft_type: "LORA", r: 2, lora_alpha: 4, target_modules: ["up_proj"], ...config },
    parameters: [
      parameter(name, "loraA", [2, 3]),
      parameter(name, "loraB", [5, 2]),
      ...(carriesBias ? [parameter(name, "plain", [5])] : []),
    ],
    replacements: new Map(carriesBias ? [[bias, "bias"] as const] : []),
  };
}

interface Group {
  readonly [name: string]: Readonly<Record<string, Recipe>>;
}

function planned(
  adapters: readonly CarriedAdapter[],
  groups: readonly Group[],
  changes: EditChanges,
  stepValues: Readonly<Record<string, number>> = {},
): EditPlan {
  const states = new Map(
    groups.flatMap((group) =>
      Object.entries(group).map(([name, state]) => [name, new Map(Object.entries(state))] as const),
    ),
  );
  const settings = { lr: 1, betas: [0.9, 0.99], weight_decay: 0 };
  const carried = {
    adapters,
    optimizer: { states, groups: groups.map((group) => ({ parameters: Object.keys(group), settings })) },
  };
  const none = { known: new Map(), knownTies: new Map(), isBaseLost: false };
  const steps = new Map(Object.entries(stepValues));
  return planEdit({ location: "here", carried, ...none, stepValues: steps }, changes);
}

const names = (plan: EditPlan): (readonly string[])[] =>
  (plan.carried.optimizer?.groups ?? []).map(({ parameters }) => parameters);

describe("an adapter that is removed", () => {
  const withBias = (name: string): CarriedAdapter => adapter(name, { bias: "lora_only" });
  const group: Group = {
    [`one:${up}.lora_A`]: {},
    [bias]: {},
    [`two:${up}.lora_A`]: {},
    [`one:${up}.lora_extra`]: {},
  };

  it("takes a bias that it carries out of the optimizer, and what goes by its name alone", () => {
    const plan = planned([withBias("one"), adapter("two")], [group], { removeAdapters: ["one"] });
    expect(names(plan)).toEqual([[`two:${up}.lora_A`]]);
  });

  it("leaves a bias that another one carries too", () => {
    const plan = planned([withBias("one"), withBias("two")], [group], { removeAdapters: ["one"] });
    expect(names(plan)).toEqual([[bias, `two:${up}.lora_A`]]);
  });
});

describe("an adapter like another one", () => {
  it("has its config, but for how that one began and what it carries whole", () => {
    const odd = { bias: "lora_only", modules_to_save: ["x"], trainable_token_indices: [1] };
    const like = adapter("one", { ...odd, init_lora_weights: "pissa" });
    const plan = planned([like], [{}], { addAdapters: [{ name: "two", like: "one" }] });
    expect(plan.carried.adapters[1]?.config).toMatchObject({
      r: 2,
      bias: "none",
      modules_to_save: null,
      trainable_token_indices: null,
      init_lora_weights: true,
    });
    expect(plan.difference.notes.join()).toContain("not the 1 tensors that it carries whole");
  });

  it("is listed with its weights before their state", () => {
    const state = { exp_avg: recipe("exp_avg", [2, 3]) };
    const group = { [`one:${up}.lora_A`]: state };
    const plan = planned([adapter("one")], [group], { addAdapters: [{ name: "two", like: "one" }] });
    expect(plan.difference.made.map(({ name }) => name)).toEqual([
      ...[`two:${up}.lora_A`, `two:${up}.lora_B`],
      ...[`two:${up}.lora_A/exp_avg`, `two:${up}.lora_B/exp_avg`],
    ]);
  });
});

describe("state of what is new", () => {
  const ones = { a: recipe("a", [2, 3]), b: recipe("b", [5, 2]) };

  it("is that of the group it comes to, and not of another one", () => {
    const groups = [
      { [`one:${up}.lora_A`]: { exp_avg: ones.a } },
      { [`one:${up}.lora_B`]: { momentum_buffer: ones.b } },
    ];
    const changes = { addAdapters: [{ name: "two", like: "one" }], paramGroup: 1 };
    const { carried } = planned([adapter("one")], groups, changes);
    expect([...(carried.optimizer?.states.get(`two:${up}.lora_A`)?.keys() ?? [])]).toEqual([
      "momentum_buffer",
    ]);
  });

  it("keeps a dtype that is not the weight's", () => {
    const half = adapter("one");
    const weights = half.parameters.map((each) => ({
      ...each,
      recipe: recipe(each.recipe.source.id, each.recipe.shape, "BF16"),
    }));
    const groups = [{ [`one:${up}.lora_A`]: { exp_avg: ones.a } }];
    const changes = { addAdapters: [{ name: "two", like: "one" }] };
    const { carried } = planned([{ ...half, parameters: weights }], groups, changes);
    expect(carried.optimizer?.states.get(`two:${up}.lora_A`)?.get("exp_avg")?.dtype).toBe("F32");
  });

  it("is announced where the run has made steps", () => {
    const group = { [`one:${up}.lora_A`]: { exp_avg: ones.a, step: recipe("step", []) } };
    const changes = { addAdapters: [{ name: "two", like: "one" }] };
    const notesAt = (step: number) => planned([adapter("one")], [group], changes, { step }).difference.notes;
    expect(notesAt(0)).toEqual([]);
    expect(notesAt(7).join()).toContain("zero moments at step 7");
  });
});

describe("another rank", () => {
  const grow = (loraRank: number): EditChanges => ({ loraRanks: [{ adapter: "one", loraRank }] });

  it("is refused where the config says another one than the tensors have", () => {
    expect(code(() => planned([adapter("one", { r: 3 })], [{}], grow(4)))).toBe("TENON_EDIT_RANK_SCALING");
  });

  it("is refused for state of another shape than its parameter", () => {
    const group = { [`one:${up}.lora_A`]: { exp_avg: recipe("exp_avg", [6]) } };
    expect(code(() => planned([adapter("one")], [group], grow(4)))).toBe("TENON_EDIT_STATE_UNKNOWN");
  });

  it("makes nothing anew where it is the rank there is", () => {
    const { difference, ranks } = planned([adapter("one")], [{}], grow(2));
    expect([difference.made, ranks]).toEqual([[], []]);
  });

  it("announces fresh moments only where there are some", () => {
    const group = { [`one:${up}.lora_A`]: { step: recipe("step", []) } };
    const notes = (rank: number) =>
      planned([adapter("one")], [group], grow(rank), { step: 3 }).difference.notes;
    expect(notes(4).join()).toContain("New ranks");
    expect(notes(1)).toEqual([]);
  });

  it.each([
    [16, 8, 32],
    [5, 3, 7],
    [7, 5, 11],
    [13, 6, 40],
  ])("keeps the scaling of rsLoRA to the last bit: alpha %d, rank %d to %d", (alpha, before, after) => {
    const one = adapter("one", { r: before, lora_alpha: alpha, use_rslora: true });
    const parameters = one.parameters.map((each, side) => ({
      ...each,
      recipe: recipe(`${side}`, side === 0 ? [before, 3] : [5, before]),
    }));
    const { difference } = planned([{ ...one, parameters }], [{}], grow(after));
    const [now = 0] = difference.loraRanks[0]?.loraAlpha ?? [];
    expect(now / Math.sqrt(after)).toBe(alpha / Math.sqrt(before));
  });
});

describe("param groups", () => {
  const [a, b] = [`one:${up}.lora_A`, `one:${up}.lora_B`];

  it("stay as they are where a parameter is moved to its own", () => {
    const plan = planned([adapter("one")], [{ [a]: {}, [b]: {} }], {
      moves: [{ pattern: a, paramGroup: 0 }],
    });
    expect([names(plan), plan.difference.moved]).toEqual([[[a, b]], []]);
  });

  it("take what comes at their end where they are in no order of the model", () => {
    const norm = "model.norm.weight";
    const moves = [{ pattern: a, paramGroup: 0 }];
    const odd = planned([adapter("one")], [{ [norm]: {}, [b]: {} }, { [a]: {} }], { moves });
    expect(names(odd)).toEqual([[norm, b, a], []]);
    expect(odd.carried.optimizer?.orderUnknown).toContain("not in the order of the model");
    const kept = planned([adapter("one")], [{ [b]: {}, [norm]: {} }, { [a]: {} }], { moves });
    expect(names(kept)).toEqual([[a, b, norm], []]);
    expect(kept.carried.optimizer?.orderUnknown).toBeUndefined();
  });
});
