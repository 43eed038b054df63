import { describe, expect, it } from "vitest";
import {
  type Draft,
  type DraftOptimizer,
  isTenonError,
  type Recipe,
  type TensorMeta,
} from "../../../src/core/index.ts";
import { universal } from "../../../src/layouts/index.ts";
import { arrangeUniversal } from "../../../src/layouts/zero/universal/write.ts";
import { kept } from "../../contract/layout.contract.ts";

type States = Readonly<Record<string, Readonly<Record<string, Recipe>>>>;

const shape = [3, 2];
const adam = { exp_avg: kept("m", shape), exp_avg_sq: kept("v", shape), step: kept("three", []) };

interface Said {
  readonly groups?: DraftOptimizer["groups"];
  readonly weights?: Readonly<Record<string, Recipe>>;
  readonly trainer?: Draft["trainer"];
}

/** A whole base of the parameters `a.weight` and `b.weight`, both trained, in one group. */
function draftOf(states: States, { groups, weights, trainer }: Said = {}): Draft {
  const tensors = weights ?? { "a.weight": kept("a", shape), "b.weight": kept("b", shape) };
  return {
    base: { tensors: new Map(Object.entries(tensors)), isComplete: true, ties: new Map() },
    adapters: [],
    optimizer: {
      states: new Map(Object.entries(states).map(([name, own]) => [name, new Map(Object.entries(own))])),
      groups: groups ?? [{ parameters: Object.keys(states), settings: { lr: 0.5 } }],
    },
    ...(trainer && { trainer }),
    companions: [],
    origin: {},
  };
}

function refusal(draft: Draft): { readonly code: string; readonly message: string; readonly hint: string } {
  try {
    arrangeUniversal(draft, {});
  } catch (error) {
    if (isTenonError(error)) return { code: error.code, message: error.message, hint: error.hint ?? "" };
    throw error;
  }
  return { code: "none", message: "", hint: "" };
}

/** Steps by the id of their tensor, as F32. */
const stepsAre =
  (steps: Readonly<Record<string, number>>) =>
  async ({ id }: TensorMeta): Promise<Uint8Array> =>
    new Uint8Array(Float32Array.of(steps[id] ?? Number.NaN).buffer);

const examine = (
  draft: Draft,
  steps: Readonly<Record<string, number>> = { three: 3 },
): Promise<readonly string[]> => universal.examine?.(draft, stepsAre(steps)) ?? Promise.resolve([]);

describe("a universal checkpoint is refused", () => {
  it("when nothing is trained", () => {
    const { optimizer: _, ...draft } = draftOf({});
    for (const each of [draft, draftOf({})])
      expect(refusal(each)).toMatchObject({
        code: "TENON_UNIVERSAL_NEEDS_OPTIMIZER",
        hint: expect.stringContaining("write the layout tenon"),
      });
  });

  it("for a parameter without weights", () => {
    expect(refusal(draftOf({ "c.weight": adam }))).toMatchObject({
      code: "TENON_UNIVERSAL_WEIGHT_MISSING",
      message: expect.stringContaining('"c.weight"'),
      hint: expect.stringContaining("Look for a save of the same run"),
    });
  });

  it.each([
    ["another shape", { ...adam, exp_avg: kept("m", [2, 3]) }, "exp_avg of [2, 3], its weights are [3, 2]"],
    ["a type that F32 does not hold", { ...adam, exp_avg: kept("m", shape, "F64") }, "exp_avg of F64"],
    ["a state that DeepSpeed does not take", { ...adam, row: kept("r", [3]) }, 'the state "row"'],
  ])("for %s", (_, states, message) => {
    expect(refusal(draftOf({ "a.weight": states }))).toMatchObject({
      code: "TENON_UNIVERSAL_STATE_MISFIT",
      message: expect.stringContaining(message),
    });
  });

  it.each([
    ["one moment without the other", { exp_avg: adam.exp_avg, step: adam.step }, "exp_avg_sq"],
    ["moments without a step", { exp_avg: adam.exp_avg, exp_avg_sq: adam.exp_avg_sq }, "step"],
  ])("for %s", (_, states, missing) => {
    expect(refusal(draftOf({ "a.weight": states }))).toMatchObject({
      code: "TENON_UNIVERSAL_STATE_LACKING",
      message: expect.stringContaining(`"a.weight" has no ${missing}`),
    });
  });

  it("for a parameter with less state than another of its group", () => {
    const momentum = kept("b", shape);
    const states = { "a.weight": { momentum_buffer: momentum }, "b.weight": { fp32: kept("f", shape) } };
    const { code, message } = refusal(draftOf(states));
    expect(code).toBe("TENON_UNIVERSAL_STATE_LACKING");
    expect(message).toContain('"b.weight" has no momentum_buffer');
  });

  it.each([
    ["a slash", ["a/b.weight"]],
    ["a backslash", ["a\\b.weight"]],
    ["a NUL", ["a\u0000.weight"]],
    ["two dots", [".."]],
    ["more than 255 bytes", [`${"é".repeat(128)}.w`]],
    ["another's letters in another case", ["Norm.weight", "norm.weight"]],
  ])("for a name with %s", (_, names) => {
    const weights = Object.fromEntries(names.map((name) => [name, kept(name, shape)]));
    const states = Object.fromEntries(names.map((name) => [name, adam]));
    expect(refusal(draftOf(states, { weights })).code).toBe("TENON_UNIVERSAL_FOLDER_NAME");
  });

  it("for steps that differ in one group", async () => {
    const draft = draftOf({ "a.weight": adam, "b.weight": { ...adam, step: kept("four", []) } });
    expect(refusal(draft).code).toBe("none");
    await expect(examine(draft, { three: 3, four: 4 })).rejects.toMatchObject({
      code: "TENON_UNIVERSAL_STEPS_UNEQUAL",
      message: expect.stringContaining('3 of "a.weight", 4 of "b.weight"'),
    });
  });

  it("for a step that is no number", async () => {
    const draft = draftOf({ "a.weight": { ...adam, step: kept("three", [2]) } });
    await expect(examine(draft)).rejects.toMatchObject({ code: "TENON_UNIVERSAL_STATE_MISFIT" });
  });

  it("for a tag that is no folder", () => {
    const documents = new Map([["deepspeed.json", { tag: "../up" }]]);
    expect(refusal(draftOf({ "a.weight": adam }, { trainer: { documents } })).code).toBe("TENON_PATH_UNSAFE");
  });
});

describe("parameters of the optimizer without any state", () => {
  it("are frozen ones, and get no folder", async () => {
    const draft = draftOf({ "a.weight": adam, "b.weight": {} });
    const paths = arrangeUniversal(draft, {}).map(({ path }) => path);
    expect(paths.filter((path) => path.endsWith("fp32.pt"))).toEqual([
      "global_step0_universal/zero/a.weight/fp32.pt",
    ]);
    expect((await examine(draft)).join("\n")).toContain("1 parameters of the optimizer have no state");
  });

  it("are all there are before the first step, and start from their weights", () => {
    const paths = arrangeUniversal(draftOf({ "a.weight": {}, "b.weight": {} }), {}).map(({ path }) => path);
    expect(paths.filter((path) => /\/zero\/.*\//.test(path))).toEqual([
      "global_step0_universal/zero/a.weight/fp32.pt",
      "global_step0_universal/zero/b.weight/fp32.pt",
    ]);
  });
});

describe("the report of a universal checkpoint", () => {
  const group = (name: string, weightDecay: number): DraftOptimizer["groups"][number] => ({
    parameters: [name],
    settings: { lr: 0.5, weight_decay: weightDecay },
  });

  it("says what stage 3 does to several groups", async () => {
    const states = { "a.weight": adam, "b.weight": { ...adam, step: kept("four", []) } };
    const groups = [group("a.weight", 0.1), group("b.weight", 0)];
    const advice = (await examine(draftOf(states, { groups }), { three: 3, four: 4 })).join("\n");
    expect(advice).toContain("gives every param group the settings of the first one: weight_decay 0.1, 0;");
    expect(advice).toContain("the step of the first one, and they are 3, 4");
    expect(advice).toContain("the bias corrections of Adam are off");
    expect(await examine(draftOf({ "a.weight": adam }))).not.toContainEqual(
      expect.stringContaining("stage 3"),
    );
  });

  it("says that a step counted by group is enough", async () => {
    const { step: _, ...moments } = adam;
    const groups = [{ parameters: ["a.weight"], settings: { lr: 0.5, step: 3 } }];
    const draft = draftOf({ "a.weight": moments }, { groups });
    expect(refusal(draft).code).toBe("none");
    expect((await examine(draft)).join("\n")).not.toContain("stages 1 and 2");
  });

  it("says so when nobody knows how far the run is", async () => {
    const unknown = "does not say how many steps";
    expect((await examine(draftOf({ "a.weight": adam }))).join("\n")).toContain(unknown);
    const documents = new Map([["trainer_state.json", { global_step: 7 }]]);
    const known = draftOf({ "a.weight": adam }, { trainer: { documents } });
    expect((await examine(known)).join("\n")).not.toContain(unknown);
    const paths = arrangeUniversal(known, {}).map(({ path }) => path);
    expect(paths).toContain("global_step7_universal/zero/a.weight/fp32.pt");
  });
});
