import { describe, expect, it } from "vitest";
import { memoryTree } from "../../src/bytes/index.ts";
import type { Checkpoint, Draft, JsonRecord, Recipe } from "../../src/core/index.ts";
import { formats, TensorPlace } from "../../src/formats/index.ts";
import { documentFile } from "../../src/layouts/document-files.ts";
import { dcp, type Layout, tenon, trainer } from "../../src/layouts/index.ts";
import { pythonNumber } from "../../src/layouts/scalar-tensor.ts";
import { PickleFloat, PickleMap, PickleTuple, type PickleValue } from "../../src/pickle/index.ts";
import { kept, writeDraft } from "../contract/layout.contract.ts";
import { convertInMemory, refusalOf } from "../verbs/converted.ts";
import { checkpointOf, mapOf, place, saved } from "./trainer-files.ts";

const left = ({ observations }: Checkpoint): unknown =>
  observations.filter(({ code }) => /_LEFT$/.test(code)).map(({ names, facts }) => [names, facts?.["found"]]);

describe("a state that is a Python number", () => {
  it("is a scalar that knows so, where f32 holds it", async () => {
    await using opened = await trainer.open(checkpointOf({ step: 3 }), { formats });
    expect(left(opened)).toEqual([]);
    const step = opened.optimizer?.states.get("w")?.get("step");
    expect(step).toMatchObject({ dtype: "F32", shape: [], pythonNumber: 3 });
    const bytes = new Uint8Array(4);
    await step?.read(0, bytes);
    expect(new DataView(bytes.buffer).getFloat32(0, true)).toBe(3);
  });

  it("is that number again in trainer and dcp, and through tenon", async () => {
    const record = (fields: object): JsonRecord => Object.assign(Object.create(null), fields) as JsonRecord;
    const draftWith = (step: Recipe): Draft => ({
      base: {
        tensors: new Map([["w", kept("w", [2])]]),
        ties: new Map(),
        isComplete: true,
        config: record({}),
      },
      adapters: [],
      optimizer: {
        states: new Map([
          [
            "w",
            new Map([
              ["step", step],
              ["exp_avg", kept("m", [2])],
            ]),
          ],
        ]),
        groups: [{ parameters: ["w"], settings: record({ lr: 0.5 }) }],
      },
      companions: [],
      origin: record({}),
    });
    const number = pythonNumber("step", 7, "source");
    if (number === undefined) throw new Error("f32 holds 7");
    const draft = draftWith({ source: number, dtype: "F32", shape: [], steps: [] });
    const written = async (layout: Layout, of: Draft): Promise<Checkpoint> =>
      layout.open(memoryTree(await writeDraft(layout, of)), { formats });
    for (const layout of [trainer, dcp]) {
      await using opened = await written(layout, draft);
      expect(opened.optimizer?.states.get("w")?.get("step")?.pythonNumber, layout.name).toBe(7);
      await using plain = await written(layout, draftWith(kept("step", [])));
      expect(plain.optimizer?.states.get("w")?.get("step")?.pythonNumber, layout.name).toBeUndefined();
    }
    const files = await writeDraft(tenon, draft);
    const document = JSON.parse(new TextDecoder().decode(files.get("optimizer/optimizer.json"))) as object;
    expect(document).toMatchObject({ pythonNumbers: ["w/step"] });
    const plain = await writeDraft(tenon, draftWith(kept("step", [])));
    expect(new TextDecoder().decode(plain.get("optimizer/optimizer.json"))).not.toMatch(/pythonNumbers/);
  });

  it("goes from trainer to tenon and back", async () => {
    const { files } = await convertInMemory(checkpointOf({ step: 3 }), "tenon");
    const { files: back } = await convertInMemory(memoryTree(files), "trainer");
    await using opened = await trainer.open(memoryTree(back), { formats });
    expect(opened.optimizer?.states.get("w")?.get("step")?.pythonNumber).toBe(3);
  });
});

describe("an optimizer with values of other kinds", () => {
  const cases: readonly [string, Parameters<typeof checkpointOf>, string, string][] = [
    ["a number beyond f32", [{ step: 16_777_217 }], "state.0.step", "number 16777217"],
    ["None", [{ buffer: null }], "state.0.buffer", "None"],
    ["a truth value", [{ done: true }], "state.0.done", "boolean true"],
    ["a list of tensors", [{ Q: [place] }], "state.0.Q", "a list of 1"],
    ["a dict of tensors", [{ inner: mapOf({ m: place }) }], "state.0.inner", "a dict of 1"],
    ["a rate that is a tensor", [{}, { lr: place }], "param_groups.0.lr", "a tensor of F32 [2]"],
    ["an integer beyond 2^53", [{}, { seed: 2n ** 60n }], "param_groups.0.seed", `bigint ${2n ** 60n}`],
    ["a part of its own", [{}, {}, {}, { master: [1] }], "master", "a list of 1"],
    ["a dict by number", [{}, { ranks: new PickleMap().set(1, 2) }], "param_groups.0.ranks", "a dict of 1"],
    ["a dict that reads as a word", [{}, { w: mapOf({ $counter: [] }) }], "param_groups.0.w", "a dict of 1"],
  ];

  it.each(cases)("names %s, and is refused until it is dropped", async (_, parts, name, found) => {
    await using opened = await trainer.open(checkpointOf(...parts), { formats });
    expect(left(opened)).toEqual([[[name], found]]);
    for (const target of ["trainer", "tenon"]) {
      const refused = await refusalOf(convertInMemory(checkpointOf(...parts), target));
      expect(refused.code).toBe("TENON_OPTIMIZER_STATE_LEFT");
      expect(String(refused)).toContain(`${name} of the optimizer is ${found}`);
    }
    await convertInMemory(checkpointOf(...parts), "tenon", { drop: ["optimizer"] });
  });
});

describe("a schedule that JSON has no word for", () => {
  it.each([
    ["a count of objects", new PickleMap("collections Counter").set(5, null)],
    ["a count by None", new PickleMap("collections Counter").set(null, 1)],
    ["a dict with numbers as keys", new PickleMap().set(5, 1)],
    ["a tuple in a list of these", [PickleTuple.ofValues([new PickleMap().set(1, 1)])]],
  ])("is named for %s, and refused until it is dropped", async (_, milestones) => {
    const source = (): ReturnType<typeof memoryTree> =>
      checkpointOf({}, {}, { "scheduler.pt": saved(mapOf({ milestones })) });
    await using opened = await trainer.open(source(), { formats });
    expect(opened.observations).toContainEqual({
      code: "TENON_TRAINING_DOCUMENT_LEFT",
      names: ["scheduler.pt"],
    });
    const refused = await refusalOf(convertInMemory(source(), "accelerate"));
    expect([refused.code, refused.hint]).toEqual([
      "TENON_TRAINING_DOCUMENT_LEFT",
      "Leave it out: --drop scheduler.pt",
    ]);
    await convertInMemory(source(), "accelerate", { drop: ["scheduler.pt"] });
  });
});

describe("a schedule left behind beside documents", () => {
  const milestones = new PickleMap().set(5, 1);
  const source = (): ReturnType<typeof memoryTree> =>
    checkpointOf(
      {},
      {},
      {
        "scheduler.pt": saved(mapOf({ milestones })),
        "trainer_state.json": new TextEncoder().encode('{"global_step": 3}'),
      },
    );

  it("is what is refused once the documents are dropped by name", async () => {
    const refused = await refusalOf(
      convertInMemory(source(), "accelerate", { drop: ["trainer_state.json"] }),
    );
    expect([refused.code, refused.hint]).toEqual([
      "TENON_TRAINING_DOCUMENT_LEFT",
      "Leave it out: --drop scheduler.pt",
    ]);
    await convertInMemory(source(), "accelerate", { drop: ["trainer_state.json", "scheduler.pt"] });
  });

  it("has to be given up for a target without place for any", async () => {
    const drop = ["optimizer", "trainer_state.json"];
    const refused = await refusalOf(convertInMemory(source(), "state-dict", { drop }));
    expect([refused.code, refused.hint]).toEqual([
      "TENON_TRAINING_DOCUMENT_LEFT",
      "Leave it out: --drop scheduler.pt",
    ]);
    for (const last of ["scheduler.pt", "trainer"])
      await convertInMemory(source(), "state-dict", { drop: [...drop, last] });
  });
});

describe("an optimizer without any state", () => {
  it("is unnamed where its groups count parameters whose order is not known", async () => {
    const group = mapOf({ lr: new PickleFloat(0.5), momentum: 0, params: [0] });
    const optimizer = saved(mapOf({ state: new PickleMap(), param_groups: [group] }));
    const two = saved(mapOf({ v: place, w: place }), { m: [2] });
    const source = (): ReturnType<typeof memoryTree> =>
      checkpointOf({}, {}, { "optimizer.pt": optimizer, "pytorch_model.bin": two });
    for (const target of ["trainer", "tenon", "dcp"]) {
      const refused = await refusalOf(convertInMemory(source(), target));
      expect(refused.code, target).toBe("TENON_OPTIMIZER_UNNAMED");
      expect(refused.hint).toMatch(/--param-order FILE/);
    }
    const { files } = await convertInMemory(source(), "trainer", { paramOrder: ["w"] });
    await using opened = await trainer.open(memoryTree(files), { formats });
    expect(opened.optimizer?.groups.map(({ parameters }) => parameters)).toEqual([["w"]]);
  });
});

describe("a model that torch.save wrote with sorted names", () => {
  it("is no order of an optimizer's numbers, since safetensors sorts them", async () => {
    const namedBy = async (letters: readonly string[], narrow = ""): Promise<unknown> => {
      const names = letters.map((each) => `model.layers.0.self_attn.${each}_proj.weight`);
      const placed = names.map((name) => [name, new TensorPlace(name) as unknown as PickleValue]);
      const shapes = Object.fromEntries(names.map((name) => [name, [2]]));
      const object = mapOf(Object.fromEntries(placed) as Record<string, PickleValue>);
      const isNarrow = (name: string): boolean => narrow !== "" && name.includes(`.${narrow}_proj`);
      const weights = saved(object, shapes, (name) => (isNarrow(name) ? "BF16" : "F32"));
      const group = mapOf({ lr: new PickleFloat(0.5), params: [0, 1, 2, 3] });
      const optimizer = saved(mapOf({ state: new PickleMap(), param_groups: [group] }));
      const files = { "pytorch_model.bin": weights, "optimizer.pt": optimizer };
      await using opened = await trainer.open(checkpointOf({}, {}, files), { formats });
      return opened.optimizer?.naming?.order;
    };
    expect(await namedBy(["q", "k", "v", "o"])).toMatch(/order of the state dict/);
    // As tenon and safetensors write two dtypes, the wide one first; and a model's own order, in which dtypes take turns.
    expect(await namedBy(["o", "q", "v", "k"], "k")).not.toMatch(/order of the state dict/);
    expect(await namedBy(["q", "k", "v", "o"], "k")).toMatch(/order of the state dict/);
    expect(await namedBy(["k", "o", "q", "v"])).not.toMatch(/order of the state dict/);
  });
});

describe("a schedule with a Counter, as MultiStepLR has", () => {
  const milestones = new PickleMap("collections Counter").set(5, 1).set("5", 2);
  const source = (): ReturnType<typeof memoryTree> =>
    checkpointOf({}, {}, { "scheduler.pt": saved(mapOf({ milestones })) });

  it("goes along, with numbers as keys, also through tenon", async () => {
    const split = await convertInMemory(source(), "tenon");
    const { files } = await convertInMemory(memoryTree(split.files), "trainer");
    await using opened = await trainer.open(memoryTree(files), { formats });
    expect(opened.trainer?.documents.get("scheduler.pt")).toEqual({
      milestones: {
        $counter: [
          [5, 1],
          ["5", 2],
        ],
      },
    });
  });

  it.each([
    [5],
    [[5]],
    [[[5, 1, 1]]],
    [[[5, "1"]]],
    [
      [
        [5, 1],
        [5, 2],
      ],
    ],
  ])("is refused as %j", (pairs) => {
    const document = { milestones: { $counter: pairs } } as unknown as JsonRecord;
    expect(() => documentFile("scheduler.pt", document)).toThrow(
      expect.objectContaining({ code: "TENON_DOCUMENT_UNWRITABLE" }),
    );
  });
});
