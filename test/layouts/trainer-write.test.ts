import { describe, expect, it } from "vitest";
import { memoryTree } from "../../src/bytes/index.ts";
import type { Draft, JsonRecord, OutputFile, Recipe } from "../../src/core/index.ts";
import { formats } from "../../src/formats/index.ts";
import { trainer } from "../../src/layouts/index.ts";
import { arrangeTrainer } from "../../src/layouts/trainer/write.ts";
import { kept, writeDraft } from "../contract/layout.contract.ts";
import { openFixture } from "./fixtures.ts";

const record = (fields: object): JsonRecord => Object.assign(Object.create(null), fields) as JsonRecord;

interface Parts {
  readonly tensors?: Readonly<Record<string, Recipe>>;
  readonly states?: readonly string[];
  readonly groups?: readonly { readonly parameters: readonly string[]; readonly settings: object }[];
  readonly documents?: Readonly<Record<string, object>>;
  readonly orderUnknown?: string;
  readonly isComplete?: boolean;
}

const weights = { "a.weight": kept("a", [4, 2]), "b.weight": kept("b", [3]) };
const adam = { lr: 1, weight_decay: 0, betas: [0.9, 1], eps: 1e-8 };

function draftOf({
  tensors = weights,
  states,
  groups,
  documents,
  orderUnknown,
  isComplete = true,
}: Parts): Draft {
  const all = [{ parameters: states ?? [], settings: adam }];
  const state = (name: string): [string, ReadonlyMap<string, Recipe>] => [
    name,
    new Map([
      ["exp_avg", kept(`${name}/m`, tensors[name]?.shape ?? [])],
      ["step", kept("step", [])],
    ]),
  ];
  return {
    base: { tensors: new Map(Object.entries(tensors)), ties: new Map(), isComplete, config: record({}) },
    adapters: [],
    ...(states && {
      optimizer: {
        states: new Map(states.map(state)),
        groups: (groups ?? all).map((group) => ({ ...group, settings: record(group.settings) })),
        ...(orderUnknown !== undefined && { orderUnknown }),
      },
    }),
    ...(documents && {
      trainer: {
        documents: new Map(Object.entries(documents).map(([name, fields]) => [name, record(fields)])),
      },
    }),
    companions: [],
    origin: record({}),
  };
}

const arranged = (draft: Draft): readonly OutputFile[] => arrangeTrainer(draft, {});
const advice = async (draft: Draft): Promise<readonly string[]> =>
  (await trainer.examine?.(draft, async () => new Uint8Array(4))) ?? [];

describe("an optimizer of a written Trainer checkpoint", () => {
  const groups = [
    { parameters: ["b.weight"], settings: adam },
    { parameters: ["a.weight"], settings: adam },
  ];

  it("counts its parameters through the groups, in each in the order given, and names them", async () => {
    const files = await writeDraft(trainer, draftOf({ states: ["a.weight", "b.weight"], groups }));
    await using opened = await trainer.open(memoryTree(files), { formats });
    expect(opened.optimizer?.groups.map(({ parameters }) => parameters)).toEqual([
      ["b.weight"],
      ["a.weight"],
    ]);
    expect(opened.optimizer?.states.get("b.weight")?.get("exp_avg")?.shape).toEqual([3]);
  });

  it("has the parameters without state among those it counts, and no empty state of them", () => {
    const [file] = arranged(draftOf({ states: ["a.weight"], groups })).filter(
      ({ path }) => path === "optimizer.pt",
    );
    const [object] = (file as { objects: readonly Map<unknown, unknown>[] }).objects;
    const [state, written] = [object?.get("state"), object?.get("param_groups")] as [
      Map<number, unknown>,
      Map<string, unknown>[],
    ];
    expect([...state.keys()]).toEqual([1]);
    expect(written.map((group) => group.get("params"))).toEqual([[0], [1]]);
    expect(written[0]?.get("lr")).toEqual({ what: "a float", value: 1 });
  });
});

describe("documents of a written Trainer checkpoint", () => {
  it("are read as they were: tuples, large integers, arrays, tensors, bytes", async () => {
    await using source = await openFixture("hybrid/qv/trainer-peft/checkpoint-3");
    const own = {
      "scaler.pt": {
        scale: 65536,
        big: record({ $int: "123456789012345678901" }),
        none: null,
        raw: record({ $bytes: "AP8=" }),
        pair: record({ $tuple: [1, record({ $tuple: [] })] }),
      },
    };
    const documents = { ...Object.fromEntries(source.trainer?.documents ?? []), ...own };
    expect(Object.keys(documents).sort()).toEqual([
      "rng_state.pth",
      "scaler.pt",
      "scheduler.pt",
      "trainer_state.json",
    ]);
    await using opened = await trainer.open(memoryTree(await writeDraft(trainer, draftOf({ documents }))), {
      formats,
    });
    for (const [name, document] of Object.entries(documents))
      expect(opened.trainer?.documents.get(name), name).toEqual(document);
  });

  it("take the schedule of another trainer, if it is one of torch's and counts the same steps", () => {
    const schedule = { base_lrs: [0.5], last_epoch: 3, _step_count: 4, _last_lr: [0] };
    const paths = (documents: Parts["documents"]): string[] =>
      arranged(draftOf(documents === undefined ? {} : { documents })).map(({ path }) => path);
    expect(paths({ "scheduler.bin": schedule })).toContain("scheduler.pt");
    expect(paths({ "scheduler.json": schedule })).toContain("scheduler.pt");
    for (const documents of [
      { "scheduler.json": { last_batch_iteration: 3 } },
      { "scheduler.bin": schedule, "random_states_0.pkl": {}, "random_states_1.pkl": {} },
    ])
      expect(() => paths(documents as Parts["documents"])).toThrow(/has no file for scheduler/);
  });
});

describe("what whoever resumes is told", () => {
  it("names the files that the Trainer needs and the source lacks", async () => {
    expect(await advice(draftOf({ states: ["a.weight"] }))).toEqual([
      expect.stringMatching(/passes over optimizer\.pt unless scheduler\.pt/),
      expect.stringMatching(/without trainer_state\.json the Trainer counts steps from 0/),
    ]);
    const schedule = { base_lrs: [], last_epoch: 0, _step_count: 1, _last_lr: [] };
    const documents = { "trainer_state.json": { global_step: 1 }, "scheduler.pt": schedule };
    expect(await advice(draftOf({ states: ["a.weight"], documents }))).toEqual([]);
  });

  it("says where torch would round state to another type", async () => {
    const tensors = { "a.weight": kept("a", [4, 2], "BF16") };
    expect((await advice(draftOf({ tensors, states: ["a.weight"] }))).at(-1)).toMatch(
      /the state of 1 parameters is F32 beside weights of BF16/,
    );
  });
});

describe("what a Trainer checkpoint cannot hold", () => {
  const refusals: readonly (readonly [what: string, parts: Parts, code: string, says: RegExp])[] = [
    [
      "a part of a base without an adapter",
      { isComplete: false },
      "TENON_LAYOUT_NEEDS_WHOLE_BASE",
      /2 tensors of it/,
    ],
    [
      "state of a parameter that the model lacks",
      { states: ["c.weight"] },
      "TENON_OPTIMIZER_NOT_IN_MODEL",
      /c\.weight/,
    ],
    [
      "state of a parameter in no group",
      { states: ["a.weight"], groups: [{ parameters: ["b.weight"], settings: adam }] },
      "TENON_OPTIMIZER_GROUP_LACKING",
      /the state of a\.weight belongs to no param group/,
    ],
    [
      "a group without settings",
      { states: ["a.weight"], groups: [{ parameters: ["a.weight"], settings: {} }] },
      "TENON_OPTIMIZER_GROUP_LACKING",
      /param group 0 has no learning rate/,
    ],
    [
      "parameters in an order that nobody knows",
      { states: ["a.weight"], orderUnknown: "they were shuffled" },
      "TENON_OPTIMIZER_ORDER_UNKNOWN",
      /is not known: they were shuffled/,
    ],
    [
      "documents of another engine",
      { documents: { "deepspeed.json": {} } },
      "TENON_LAYOUT_CANNOT_HOLD",
      /no file for deepspeed\.json/,
    ],
    ...[
      { $tensor: { dtype: "F32", shape: [2], base64: "AAAA" } },
      { $tensor: { dtype: "F99", shape: [0], base64: "" } },
      { $array: { dtype: "<u4", shape: [-1], base64: "" } },
      { $bytes: "?" },
      { $int: "1e5" },
      { $tuple: [], more: 1 },
      { $set: [] },
    ].map((value): (typeof refusals)[number] => [
      `a document with ${JSON.stringify(value)}`,
      { documents: { "scheduler.pt": { k: record(value) } } },
      "TENON_DOCUMENT_UNWRITABLE",
      /"k" of scheduler\.pt is .*\$/,
    ]),
  ];
  it.each(refusals)("%s is refused", (_, parts, code, says) => {
    let found: { code?: string; message?: string } = {};
    try {
      arranged(draftOf(parts));
    } catch (error) {
      found = error as typeof found;
    }
    expect(found.message).toMatch(says);
    expect(found.code).toBe(code);
  });
});
