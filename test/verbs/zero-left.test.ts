// Training state in a DeepSpeed save that has no place among parameters, documents and settings: never lost without a word.
import { describe, expect, it } from "vitest";
import { memorySink, memoryTree } from "../../src/bytes/index.ts";
import {
  int,
  list,
  none,
  parameter,
  record,
  str,
  TorchDraft,
  type Toy,
  toySave,
} from "../layouts/zero/toy.ts";
import { dict } from "../pickle/assemble.ts";
import { tenon } from "./tenon.ts";

const groups = [[parameter("a.weight", [4], 0)], [parameter("b.weight", [4], 100)]];
const double = [0x47, 0x3f, 0xb9, 0x99, 0x99, 0x99, 0x99, 0x99, 0x9a];

function convert(change: Partial<Toy>, to: string, drop: readonly string[] = []): Promise<unknown> {
  const files = toySave({ stage: 2, workers: 2, groups, ...change });
  return tenon.convert(memoryTree(files), { output: memorySink(), to, drop });
}

type Change = NonNullable<Toy["changeOptimizer"]>;

/** The optimizer's own dict, of two groups in stage 2. */
const base =
  (
    state: (draft: Parameters<Change>[0]) => Record<string, readonly number[]>,
    group: (draft: Parameters<Change>[0]) => Record<string, readonly number[]> = () => ({}),
  ): Change =>
  (draft, _, inner) => {
    inner["base_optimizer_state"] = record({
      state: dict([int(0), record({ step: int(7), ...state(draft) })], [int(1), record({ step: int(7) })]),
      param_groups: list(
        record({ lr: double, params: list(int(0)), ...group(draft) }),
        record({ lr: double, params: list(int(1)) }),
      ),
    });
  };

const left: readonly (readonly [what: string, change: Change, code: string, name: string])[] = [
  ["text", base(() => ({ kind: str("x") })), "TENON_OPTIMIZER_STATE_LEFT", "state.0.kind"],
  ["a list", base(() => ({ seen: list(int(1)) })), "TENON_OPTIMIZER_STATE_LEFT", "state.0.seen"],
  ["a number that f32 rounds", base(() => ({ rms: double })), "TENON_OPTIMIZER_STATE_LEFT", "state.0.rms"],
  [
    "a learning rate that is a tensor",
    base(
      () => ({}),
      (draft) => ({ lr: draft.tensor([0.1], []) }),
    ),
    "TENON_OPTIMIZER_STATE_LEFT",
    "param_groups[0].lr",
  ],
  [
    "state of a buffer that is not there",
    (_, __, inner) => {
      inner["base_optimizer_state"] = record({
        state: dict([int(5), record({ step: int(7) })]),
        param_groups: list(record({ params: list(int(0), int(1)) })),
      });
    },
    "TENON_OPTIMIZER_STATE_LEFT",
    "state.5",
  ],
  [
    "a factor of a whole buffer",
    base((draft) => ({ row: draft.tensor([1, 2, 3]) })),
    "TENON_ZERO_STATE_PASSED_OVER",
    "row",
  ],
];

describe("the optimizer of a DeepSpeed save", () => {
  it.each(left)("with %s is not carried on without it", async (_, changeOptimizer, code, name) => {
    for (const to of ["tenon", "universal"])
      await expect(convert({ changeOptimizer }, to)).rejects.toMatchObject({
        code,
        message: expect.stringContaining(`${name} of the optimizer is`),
        hint: expect.stringContaining("--drop optimizer"),
      });
    await expect(convert({ changeOptimizer }, "tenon", ["optimizer"])).resolves.toBeDefined();
  });

  it("is read whole: its own step and settings are nothing left over", async () => {
    await expect(convert({ changeOptimizer: base(() => ({})) }, "tenon")).resolves.toBeDefined();
  });

  it.each([
    [
      "a buffer that no group has",
      base(
        () => ({}),
        () => ({ params: list() }),
      ),
      /in param_groups is 1, 2/,
    ],
    [
      "an elastic list that is too short",
      ((_, __, inner) => {
        inner["base_optimizer_state"] = list(record({}));
      }) as Change,
      /the length of base_optimizer_state is 1, 2/,
    ],
  ] as const)("with %s is refused", async (_, changeOptimizer, message) => {
    await expect(convert({ changeOptimizer }, "tenon")).rejects.toMatchObject({
      code: "TENON_ZERO_MALFORMED",
      message: expect.stringMatching(message),
    });
  });
});

describe("a fused optimizer without ZeRO, whose flat buffers nothing names,", () => {
  it("is not left out of a conversion unasked", async () => {
    const draft = new TorchDraft();
    draft.entries = {
      module: record({ "a.weight": draft.tensor([1, 2], [2]) }),
      optimizer: record({ fp32_groups_flat: list(draft.tensor([1, 2])) }),
      global_steps: int(3),
    };
    const files = new Map([["mp_rank_00_model_states.pt", draft.bytes()]]);
    const to = (drop: readonly string[]): Promise<unknown> =>
      tenon.convert(memoryTree(files), { output: memorySink(), to: "tenon", drop });
    await expect(to([])).rejects.toMatchObject({
      code: "TENON_ZERO_OPTIMIZER_UNNAMED",
      hint: expect.stringContaining("--drop optimizer"),
    });
    await expect(to(["optimizer"])).resolves.toMatchObject({ dropped: ["optimizer"] });
  });
});

describe("the schedule of a DeepSpeed save", () => {
  const schedule =
    (best: (draft: Parameters<Change>[0]) => readonly number[]): NonNullable<Toy["changeModel"]> =>
    (draft) => {
      draft.entries["lr_scheduler"] = record({ last_epoch: int(3), best: best(draft) });
    };

  it("is carried on whole or not at all", async () => {
    const changeModel = schedule((draft) => draft.tensor([1]));
    await expect(convert({ changeModel }, "tenon")).rejects.toMatchObject({
      code: "TENON_TRAINING_DOCUMENT_LEFT",
      hint: "Leave it out: --drop scheduler.json",
    });
    await expect(convert({ changeModel }, "tenon", ["scheduler.json"])).resolves.toBeDefined();
    await expect(convert({ changeModel: schedule(() => none) }, "tenon")).resolves.toBeDefined();
  });
});
