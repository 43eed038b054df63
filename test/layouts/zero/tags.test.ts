import { describe, expect, it } from "vitest";
import { memoryTree } from "../../../src/bytes/index.ts";
import type { Checkpoint } from "../../../src/core/index.ts";
import { formats } from "../../../src/formats/index.ts";
import { detectLayout, layouts } from "../../../src/layouts/index.ts";
import { int, parameter, toySave } from "./toy.ts";

type Files = Map<string, Uint8Array | string>;

/** Saves of the given steps side by side. */
function saves(...steps: readonly number[]): Files {
  const files: Files = new Map();
  for (const step of steps) {
    const changeModel = (draft: { entries: Record<string, readonly number[]> }): void => {
      draft.entries["global_steps"] = int(step);
    };
    const save = toySave({ stage: 2, workers: 2, groups: [[parameter("w.weight", [4, 3], 0)]], changeModel });
    for (const [name, bytes] of save) files.set(`global_step${step}/${name}`, bytes);
  }
  return files;
}

async function open(files: Files): Promise<Checkpoint> {
  const tree = memoryTree(files);
  const { layout } = await detectLayout(tree, layouts, { formats });
  expect(layout.name).toBe("zero");
  return layout.open(tree, { formats });
}

function stepOf({ trainer }: Checkpoint): unknown {
  return trainer?.documents.get("deepspeed.json")?.["global_steps"];
}

function passedOver({ observations }: Checkpoint): unknown {
  return observations.find(({ code }) => code === "TENON_ZERO_TAGS_PASSED_OVER")?.facts?.["reasons"];
}

describe("the save of a directory that is read", () => {
  it("is the one that latest names, though others are newer", async () => {
    const checkpoint = await open(saves(2, 10, 9).set("latest", "global_step9\n"));
    expect(stepOf(checkpoint)).toBe(9);
    expect(passedOver(checkpoint)).toEqual([
      "global_step10: newer and with every file that global_step9 has, but latest names global_step9",
      "global_step2: latest names global_step9",
    ]);
  });

  it("is none where a directory is only said to hold one", async () => {
    const opened = layouts.find(({ name }) => name === "zero")?.open(memoryTree(new Map()), { formats });
    await expect(opened).rejects.toMatchObject({ code: "TENON_ZERO_RANKS" });
  });

  it("is that one too where a newer one was not finished", async () => {
    const files = saves(9, 10).set("latest", "global_step9");
    files.delete("global_step10/zero_pp_rank_1_mp_rank_00_optim_states.pt");
    expect(passedOver(await open(files))).toEqual([
      "global_step10: newer, but without zero_pp_rank_1_mp_rank_00_optim_states.pt, and latest names global_step9",
    ]);
  });

  it("is the newest by its number where there is no latest", async () => {
    const checkpoint = await open(saves(2, 10, 9));
    expect(stepOf(checkpoint)).toBe(10);
    expect(passedOver(checkpoint)).toEqual([
      "global_step9: global_step10 is newer",
      "global_step2: global_step10 is newer",
    ]);
  });

  it("is the newest complete one, and the reason says what others lack", async () => {
    const files = saves(2, 10);
    files.delete("global_step10/zero_pp_rank_1_mp_rank_00_optim_states.pt");
    const checkpoint = await open(files);
    expect(stepOf(checkpoint)).toBe(2);
    expect(String(passedOver(checkpoint))).toMatch(
      /^global_step10: zero: 2 workers shared the optimizer, 1 files/,
    );
  });

  it("is refused with the newest one's reason when none is complete", async () => {
    const files = saves(2, 10);
    for (const step of [2, 10]) files.delete(`global_step${step}/zero_pp_rank_0_mp_rank_00_optim_states.pt`);
    await expect(open(files)).rejects.toMatchObject({
      code: "TENON_ZERO_RANKS",
      message: expect.stringContaining("global_step10"),
    });
  });

  it("is the folder itself when one points at it", async () => {
    const files = new Map([...saves(4)].map(([path, bytes]) => [path.replace("global_step4/", ""), bytes]));
    expect(stepOf(await open(files))).toBe(4);
  });
});
