import { describe, expect, it } from "vitest";
import { memoryTree } from "../../../src/bytes/index.ts";
import type { Draft, JsonRecord } from "../../../src/core/index.ts";
import { formats } from "../../../src/formats/index.ts";
import { universal } from "../../../src/layouts/index.ts";
import { kept, writeDraft } from "../../contract/layout.contract.ts";

/** The schedule of a run whose param groups hold so many parameters each, as DeepSpeed finds it. */
async function through(sizes: readonly number[], schedule: JsonRecord): Promise<JsonRecord | undefined> {
  const groups = sizes.map((size, group) => ({
    parameters: Array.from({ length: size }, (_, at) => `m${group}_${at}.weight`),
    settings: { lr: 0.1 },
  }));
  const names = groups.flatMap(({ parameters }) => parameters);
  const state = (name: string): Map<string, ReturnType<typeof kept>> =>
    new Map([
      ...["exp_avg", "exp_avg_sq"].map((key) => [key, kept(`${name}/${key}`, [2])] as const),
      ["step", kept(`${name}/step`, [])],
    ]);
  const draft: Draft = {
    base: {
      tensors: new Map(names.map((name) => [name, kept(name, [2])])),
      isComplete: true,
      ties: new Map(),
    },
    adapters: [],
    optimizer: { states: new Map(names.map((name) => [name, state(name)])), groups },
    trainer: { documents: new Map([["scheduler.json", schedule]]) },
    companions: [],
    origin: {},
  };
  await using checkpoint = await universal.open(memoryTree(await writeDraft(universal, draft)), { formats });
  return checkpoint.trainer?.documents.get("scheduler.json");
}

const schedule = {
  base_lrs: [1, 2, 3],
  _last_lr: [0.1, 0.2, 0.3],
  lr_lambdas: [null, null, null],
  last_epoch: 4,
  milestones: [1, 2, 3],
  _schedulers: [{ base_lrs: [4, 5, 6] }, { base_lrs: [7] }],
};

// DeepSpeed takes groups without parameters out of an optimizer before it makes the schedule.
describe("a schedule that has a rate for each param group", () => {
  it("keeps those of the groups that have parameters", async () => {
    expect(await through([0, 1, 1], schedule)).toEqual({
      base_lrs: [2, 3],
      _last_lr: [0.2, 0.3],
      lr_lambdas: [null, null],
      last_epoch: 4,
      milestones: [1, 2, 3],
      _schedulers: [{ base_lrs: [5, 6] }, { base_lrs: [7] }],
    });
  });

  it("stays as it is where all have some", async () => {
    expect(await through([1, 1, 1], schedule)).toEqual(schedule);
  });

  it("keeps a Counter, whose keys are numbers, and its tuples as lists", async () => {
    const milestones = {
      $counter: [
        [3, 1],
        [7, 2],
      ],
    };
    const own = { milestones, betas: { $tuple: [0.5, 1] } } as unknown as JsonRecord;
    expect(await through([1], own)).toEqual({ milestones, betas: [0.5, 1] });
  });

  it("is refused where it holds what a schedule of DeepSpeed is not written with", async () => {
    for (const word of ["$tensor", "$array", "$bytes", "$int", "$counter"])
      await expect(through([1], { best: { [word]: "x" } } as unknown as JsonRecord)).rejects.toMatchObject({
        code: "TENON_DOCUMENT_UNWRITABLE",
        details: { found: word },
      });
  });
});
