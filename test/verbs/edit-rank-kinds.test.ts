import { describe, expect, it } from "vitest";
import type { JsonRecord } from "../../src/core/index.ts";
import { openFiles, refusalOf } from "./converted.ts";
import { editInMemory } from "./edited.ts";
import { json } from "./golden.ts";
import { fixture } from "./tenon.ts";

const grow = (source: string, adapterConfig?: JsonRecord) =>
  editInMemory(fixture(source), {
    ...(adapterConfig && { adapterConfig }),
    loraRanks: [{ adapter: "default", loraRank: 9 }],
    to: "peft",
  });

const configOf = (source: string, changes: JsonRecord): JsonRecord => ({
  ...(json(`${source}/adapter_config.json`) as JsonRecord),
  ...changes,
});

// PEFT takes the first ranks out of the base whenever it loads such an adapter: of rank 9 it would take others than of rank 4.
describe("an adapter whose rank is a fact about the base", () => {
  it.each([
    "merge/init-pissa/adapter",
    "merge/init-olora/adapter",
    "refuse/pissa-niter/adapter",
    "refuse/corda/adapter",
    "refuse/loftq/adapter",
    "refuse/lora-ga/adapter",
  ])("keeps it: %s", async (source) => {
    expect(await refusalOf(grow(source))).toMatchObject({
      code: "TENON_EDIT_ADAPTER_KIND",
      exitCode: 4,
      message: expect.stringMatching(/by which PEFT changes the base again when it loads/) as string,
      hint: expect.stringContaining("path_initial_model_for_weight_conversion") as string,
    });
  });

  it("keeps it where nothing is known of its initialisation, or lora_B is not trained", async () => {
    const source = "merge/linear-bf16/adapter";
    const odd = await refusalOf(grow(source, configOf(source, { init_lora_weights: "new_idea" })));
    expect(odd).toMatchObject({ code: "TENON_EDIT_ADAPTER_KIND" });
    const mica = await refusalOf(grow(source, configOf(source, { init_lora_weights: "mica" })));
    expect(mica).toMatchObject({
      code: "TENON_EDIT_ADAPTER_KIND",
      message: expect.stringContaining("trains no lora_B") as string,
    });
  });

  it("gets another one once it is plain, or goes onto the residual base", async () => {
    const source = "merge/init-pissa/adapter";
    const { difference } = await grow(source, configOf(source, { init_lora_weights: true }));
    expect(difference.loraRanks).toMatchObject([{ before: [4], after: 9 }]);
    const plain = await grow("merge/init-pissa/converted");
    expect(plain.difference.loraRanks).toMatchObject([{ before: [8], after: 9 }]);
  });
});

it("does without an initialisation that PEFT refuses at the new rank", async () => {
  await using before = await openFiles((await grow("merge/linear-r4/adapter")).files);
  expect(before.adapters.get("default")?.config?.["init_lora_weights"]).toBe(true);
  await using after = await openFiles((await grow("merge/init-orthogonal/adapter")).files);
  expect(after.adapters.get("default")?.config).toMatchObject({ r: 9, init_lora_weights: true });
});
