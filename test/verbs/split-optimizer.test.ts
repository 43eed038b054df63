import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { localTree } from "../../src/bytes/node/index.ts";
import type { JsonRecord, Tensor } from "../../src/core/index.ts";
import { formats, openTensorFile } from "../../src/formats/index.ts";
import { configAt, openFiles, refusalOf, splitInMemory } from "./converted.ts";
import { fixture } from "./tenon.ts";

async function bytesOf(tensor: Tensor | undefined): Promise<Uint8Array> {
  if (tensor === undefined) throw new Error("no tensor");
  const bytes = new Uint8Array(tensor.byteLength);
  await tensor.read(0, bytes);
  return bytes;
}

/** A live PeftModel's name as tenon calls it. */
const canonical = (live: string): string =>
  live
    .replace(/^base_model\.model\.|\.base_layer|\.original_module/g, "")
    .replace(/^(.+\.lora_[AB])\.default\.weight$/, "default:$1");

const recorded = JSON.parse(readFileSync(fixture("optimizer/hybrid-names.json"), "utf8")) as Readonly<
  Record<string, readonly string[]>
>;

const sources = [
  { source: "hybrid/qv/accelerator-save-state", file: "optimizer.bin", config: "hybrid/qv/truth/adapter" },
  { source: "hybrid/tied-bf16/accelerator-save-state", file: "optimizer.bin", config: "hybrid/tied-bf16/truth/adapter" },
  { source: "hybrid/qv/trainer-peft/checkpoint-3", file: "optimizer.pt", base: "hybrid/qv/base" },
  { source: "hybrid/tied-bf16/trainer-peft/checkpoint-3", file: "optimizer.pt", base: "hybrid/tied-bf16/base" },
]; // biome-ignore format: a table

describe("a split of a training checkpoint", () => {
  it.each(sources)(
    "keeps every state bit for bit, by name: $source",
    async ({ source, file, base, config }) => {
      const { files, report } = await splitInMemory(fixture(source), {
        ...(base !== undefined && { base: fixture(base) }),
        ...(config !== undefined && { adapterConfig: configAt(config) }),
      });
      const names = recorded[source]?.map(canonical) ?? [];
      expect(report.optimizerStates).toBe(names.length);
      await using out = await openFiles(files);
      expect(out.optimizer?.groups.flatMap(({ parameters }) => parameters)).toEqual(names);
      expect(out.optimizer?.groups[0]?.settings).toMatchObject({ weight_decay: 0.01, betas: [0.9, 0.999] });
      const tree = await localTree(fixture(source));
      const stored = await openTensorFile(await tree.open(file), formats);
      const state = (stored.object as ReadonlyMap<string, unknown>).get("state");
      for (const [at, name] of names.entries()) {
        const there = (state as ReadonlyMap<number, ReadonlyMap<string, Tensor>>).get(at);
        const here = out.optimizer?.states.get(name);
        expect([...(here?.keys() ?? [])].sort()).toEqual([...(there?.keys() ?? [])].sort());
        for (const [key, tensor] of there ?? [])
          expect(await bytesOf(here?.get(key)), `${name}/${key}`).toEqual(await bytesOf(tensor));
      }
      await tree.close();
    },
  );

  it("keeps schedule and random states as documents", async () => {
    const { files, report } = await splitInMemory(fixture("hybrid/qv/trainer-peft/checkpoint-3"), {
      base: fixture("hybrid/qv/base"),
    });
    expect(report.trainerDocuments).toEqual(["trainer_state.json", "rng_state.pth", "scheduler.pt"]);
    await using out = await openFiles(files);
    expect(out.trainer?.documents.get("scheduler.pt")).toMatchObject({
      last_epoch: 3,
      base_lrs: [0.005, 0.005],
    });
    const random = out.trainer?.documents.get("rng_state.pth") as JsonRecord;
    const python = (random["python"] as JsonRecord)["$tuple"] as readonly JsonRecord[];
    expect(python[0]).toBe(3);
    expect(python[1]?.["$tuple"]).toHaveLength(625);
    const numpy = (random["numpy"] as JsonRecord)["$tuple"] as readonly JsonRecord[];
    expect(numpy[1]?.["$array"]).toMatchObject({ dtype: "<u4", shape: [624] });
    expect((random["cpu"] as JsonRecord)["$tensor"]).toMatchObject({ dtype: "U8", shape: [5056] });
  });

  it("leaves out the state of a parameter that is dropped", async () => {
    const { files } = await splitInMemory(fixture("hybrid/qv/trainer-module/checkpoint-3"), {
      drop: ["gain"],
      adapterConfig: configAt("hybrid/qv/trainer-module/truth/adapter"),
    });
    await using out = await openFiles(files);
    expect(out.optimizer?.states.has("gain")).toBe(false);
    expect(out.optimizer?.states.size).toBe(29);
  });

  it("is refused where two parameters fit a number, with both of them and what decides", async () => {
    const found = await refusalOf(splitInMemory(fixture("optimizer/ambiguous")));
    expect(found).toMatchObject({ code: "TENON_OPTIMIZER_UNNAMED", exitCode: 1 });
    const layer = "model.layers.0.mlp";
    expect(found.details["candidates"]).toEqual({
      "2": [`${layer}.gate_proj.weight`, `${layer}.up_proj.weight`],
    });
    expect(found.hint).toContain("--param-order FILE");
    const names = JSON.parse(readFileSync(fixture("optimizer/ambiguous/names.json"), "utf8")) as string[];
    const { report } = await splitInMemory(fixture("optimizer/ambiguous"), { paramOrder: names });
    expect(report.optimizerStates).toBe(5);
  });

  it("asks for the base where that was lost", async () => {
    const found = await refusalOf(splitInMemory(fixture("optimizer/trainer-norms")));
    expect(found.code).toBe("TENON_OPTIMIZER_UNNAMED");
    expect(found.hint).toContain("--base DIR");
  });

  it("refuses an order that it has no use for", async () => {
    const found = await refusalOf(splitInMemory(fixture("hybrid/qv/state-dict-pt"), { paramOrder: ["a"] }));
    expect(found).toMatchObject({ code: "TENON_PARAM_ORDER_UNUSED", exitCode: 2 });
  });
});
