import { describe, expect, it } from "vitest";
import { memoryTree } from "../../src/bytes/index.ts";
import type { Draft, JsonRecord, OutputFile } from "../../src/core/index.ts";
import { formats } from "../../src/formats/index.ts";
import { arrangeAccelerate } from "../../src/layouts/accelerate/write.ts";
import { accelerate, tenon } from "../../src/layouts/index.ts";
import { kept, writeDraft } from "../contract/layout.contract.ts";

const record = (fields: object): JsonRecord => Object.assign(Object.create(null), fields) as JsonRecord;
const schedule = { base_lrs: [0.5], last_epoch: 3, _step_count: 4, _last_lr: [0] };

interface Parts {
  readonly isComplete?: boolean;
  readonly documents?: Readonly<Record<string, object>>;
  readonly optimizer?: Draft["optimizer"];
}

function draftOf({ isComplete = true, documents, optimizer }: Parts): Draft {
  const tensors = new Map([
    ["embed.weight", kept("embed", [8, 2])],
    ["q.weight", kept("q", [2, 2])],
  ]);
  const parameters = (["lora_A", "lora_B"] as const).map((leaf, at) => ({
    meaning: {
      role: at === 0 ? ("loraA" as const) : ("loraB" as const),
      module: "q",
      leaf: "weight",
      nesting: 0,
      wrappers: [],
    },
    recipe: kept(leaf, [2, 2]),
  }));
  return {
    base: { tensors, ties: new Map([["head.weight", "embed.weight"]]), isComplete, config: record({}) },
    adapters: [{ name: "default", config: record({ r: 2 }), parameters }],
    ...(optimizer && { optimizer }),
    ...(documents && {
      trainer: {
        documents: new Map(Object.entries(documents).map(([name, fields]) => [name, record(fields)])),
      },
    }),
    companions: [],
    origin: record({}),
  };
}

const arranged = (parts: Parts): readonly OutputFile[] => arrangeAccelerate(draftOf(parts));
const codeOf = (run: () => unknown): string => {
  try {
    run();
  } catch (error) {
    return (error as { code: string }).code;
  }
  return "no refusal";
};

describe("a written folder of Accelerate", () => {
  it("has the live model's names in one file, tied weights once", () => {
    const [model] = arranged({});
    expect(model).toMatchObject({ kind: "tensors", path: "model.safetensors", format: "safetensors" });
    expect((model as { entries: readonly { name: string }[] }).entries.map(({ name }) => name)).toEqual([
      "base_model.model.embed.weight",
      "base_model.model.q.base_layer.weight",
      "base_model.model.q.lora_A.default.weight",
      "base_model.model.q.lora_B.default.weight",
    ]);
  });

  it("takes the Trainer's schedule of one process, and none that counts other steps", () => {
    expect(arranged({ documents: { "scheduler.pt": schedule } }).map(({ path }) => path)).toContain(
      "scheduler.bin",
    );
    const ranks = { "rng_state_0.pth": {}, "rng_state_1.pth": {} };
    expect(accelerate.unplaced?.({ documents: new Map(Object.entries(ranks)) as never })).toEqual(
      Object.keys(ranks),
    );
    expect(codeOf(() => arranged({ documents: { "scheduler.pt": schedule, ...ranks } }))).toBe(
      "TENON_LAYOUT_CANNOT_HOLD",
    );
  });

  it("needs a whole base, which load_state takes strictly", () => {
    expect(codeOf(() => arranged({ isComplete: false }))).toBe("TENON_LAYOUT_NEEDS_WHOLE_BASE");
  });

  it("says what load_state would stop at", async () => {
    const advice = await accelerate.examine?.(draftOf({}), async () => new Uint8Array(4));
    expect(advice).toEqual([
      expect.stringMatching(/no optimizer\.bin/),
      expect.stringMatching(/no scheduler\.bin/),
      expect.stringMatching(/without random states/),
    ]);
    const documents = { "scheduler.bin": schedule, "random_states_0.pkl": {} };
    const optimizer = { states: new Map(), groups: [] };
    expect(
      await accelerate.examine?.(draftOf({ documents, optimizer }), async () => new Uint8Array(4)),
    ).toEqual([]);
  });
});

describe("an optimizer whose order nobody kept", () => {
  const orderUnknown = "they were shuffled";
  const settings = record({ lr: 1 });
  const states = new Map([["q.weight", new Map([["step", kept("step", [])]])]]);
  const optimizer = { states, groups: [{ parameters: ["q.weight"], settings }], orderUnknown };

  it("is refused, since its parameters are counted", () => {
    expect(codeOf(() => arranged({ optimizer }))).toBe("TENON_OPTIMIZER_ORDER_UNKNOWN");
  });

  it("stays so in a tenon checkpoint", async () => {
    const files = await writeDraft(tenon, draftOf({ optimizer }));
    await using opened = await tenon.open(memoryTree(files), { formats });
    expect(opened.optimizer?.orderUnknown).toBe(orderUnknown);
  });
});
