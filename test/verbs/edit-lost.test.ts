import { describe, expect, it } from "vitest";
import { memoryTree } from "../../src/bytes/index.ts";
import { convertInMemory, openFiles, refusalOf } from "./converted.ts";
import { editInMemory } from "./edited.ts";
import { fixture, tenon } from "./tenon.ts";

// The Trainer saved the adapter alone: of 21 trained base parameters there are moments and no weights.
const lost = fixture("hybrid/qv/trainer-peft/checkpoint-3");
const base = fixture("hybrid/qv/base");
const code = "TENON_TRAINED_BASE_LOST";
const all = ["model.*", "lm_head.weight"];

describe("freezing trained weights that were not saved", () => {
  it("says that the base stands for them, and which they are", async () => {
    const { difference } = await editInMemory(lost, { base, freeze: ["model.norm.weight"], dryRun: true });
    expect(difference.notes.join()).toMatch(
      /trained weights of frozen parameters were not saved.*: model\.norm/,
    );
    const own = await editInMemory(lost, { base, freeze: ["default:*"], dryRun: true });
    expect(own.difference.notes.join()).not.toContain("were not saved");
    const many = await editInMemory(lost, { base, freeze: all, dryRun: true });
    expect(many.difference.notes.join()).toMatch(/q_proj\.weight.* and 15 more/);
  });

  it("lets the rest be resumed once no moments of theirs are left", async () => {
    const some = editInMemory(lost, { base, freeze: ["model.*"], to: "trainer" });
    expect(await refusalOf(some)).toMatchObject({ code, details: { names: ["lm_head.weight"], count: 1 } });
    const { files, report } = await editInMemory(lost, { base, freeze: all, to: "trainer" });
    expect(report).toMatchObject({ layout: "trainer", optimizerStates: 8 });
    await using after = await openFiles(files);
    expect([...(after.optimizer?.states.keys() ?? [])].every((name) => name.startsWith("default:"))).toBe(
      true,
    );
  });
});

describe("a tenon checkpoint of it", () => {
  it("keeps word of the loss, through any number of conversions", async () => {
    const once = await convertInMemory(lost, "tenon", { base });
    const twice = await convertInMemory(memoryTree(once.files), "tenon", {});
    for (const { files } of [once, twice]) {
      await using opened = await openFiles(files);
      await using source = await tenon.open(lost);
      const [before, after] = [source, opened].map(({ observations }) =>
        observations.filter((each) => each.code === code),
      );
      // The trainer's file had shapes alone; by now the parameters have names.
      expect(after).toHaveLength(1);
      expect(after?.[0]?.facts?.["count"]).toBe(before?.[0]?.facts?.["count"]);
      expect(after?.[0]?.facts?.["shapes"]).toEqual(before?.[0]?.facts?.["shapes"]);
      expect(after?.[0]?.names).toContain("model.norm.weight");
    }
    const resumed = convertInMemory(memoryTree(twice.files), "trainer", { base });
    expect((await refusalOf(resumed)).code).toBe(code);
  });

  it("has none where the optimizer stays behind, or nothing was lost", async () => {
    const dropped = await convertInMemory(lost, "tenon", { base, drop: ["optimizer"] });
    const whole = await convertInMemory(fixture("zero/z2-w2-bf16"), "tenon", {});
    for (const { files } of [dropped, whole]) {
      await using opened = await openFiles(files);
      expect(opened.observations.map((each) => each.code)).not.toContain(code);
    }
  });
});
