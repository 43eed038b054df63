import { existsSync, readdirSync } from "node:fs";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { memorySink, type memoryTree } from "../../src/bytes/index.ts";
import type { MergeOptions } from "../../src/verbs/index.ts";
import { json, written } from "./golden.ts";
import { fixture, tenon } from "./tenon.ts";

const small = fixture("base/llama-small-bf16");
const linear = fixture("merge/linear-r4/adapter");

async function mergeOf(source: string, options: Partial<MergeOptions>): Promise<void> {
  const output = memorySink();
  try {
    await tenon.merge(source, { output, ...options });
  } catch (error) {
    expect(output.files.size).toBe(0);
    throw error;
  }
}

describe("a merge refuses, and writes nothing", () => {
  const refused = readdirSync(fixture("refuse")).filter((name) =>
    existsSync(fixture(`refuse/${name}/adapter`)),
  );
  it.each(refused)("%s, by name", async (name) => {
    const facts = json(`refuse/${name}/case.json`);
    const base = fixture((facts["base"] as string | undefined) ?? "base/llama-small-bf16");
    const output = memorySink();
    await expect(
      tenon.merge(base, { adapters: [fixture(`refuse/${name}/adapter`)], output }),
    ).rejects.toMatchObject({
      code: expect.stringMatching(/^TENON_ADAPTER_(TYPE|ALORA|QALORA|ARROW|REWRITES_BASE)$/),
      exitCode: 4,
      hint: expect.anything(),
    });
    expect(output.files.size).toBe(0);
  });

  it("an adapter without a base", async () => {
    await expect(mergeOf(linear, {})).rejects.toMatchObject({
      code: "TENON_MERGE_NEEDS_BASE",
      exitCode: 1,
      hint: expect.stringContaining("--base DIR"),
    });
  });

  it("a base without an adapter", async () => {
    await expect(mergeOf(small, {})).rejects.toMatchObject({ code: "TENON_MERGE_NOTHING" });
  });

  it("a state dict whose alpha nobody told", async () => {
    await expect(mergeOf(fixture("hybrid/qv/state-dict-pt"), {})).rejects.toMatchObject({
      code: "TENON_ADAPTER_CONFIG_MISSING",
      hint: expect.stringContaining("--alpha N"),
    });
  });

  it("an adapter that matches nothing in this base, or only in part", async () => {
    await expect(mergeOf(small, { adapters: [fixture("merge/gpt2-conv1d/adapter")] })).rejects.toMatchObject({
      code: "TENON_ADAPTER_UNMATCHED",
      exitCode: 1,
      details: { unused: expect.arrayContaining([expect.objectContaining({ reason: expect.any(String) })]) },
    });
    const adapters = [linear];
    const options = { adapters, drop: ["model.layers.0.self_attn.q_proj.weight"] };
    await expect(mergeOf(small, options)).rejects.toMatchObject({ code: "TENON_ADAPTER_UNMATCHED" });
    await expect(mergeOf(small, { ...options, allowUnmatched: true })).resolves.toBeUndefined();
  });

  it("an adapter of another shape", async () => {
    await expect(mergeOf(fixture("base/llama-bf16"), { adapters: [linear] })).rejects.toMatchObject({
      code: "TENON_ADAPTER_SHAPE_MISMATCH",
    });
  });

  it("weights of what replaces or rescales", async () => {
    const saved = { adapters: [fixture("merge/modules-to-save-lm-head/adapter")] };
    const dora = { adapters: [fixture("merge/dora-linear/adapter")] };
    const tokens = { adapters: [fixture("merge/token-indices/adapter")] };
    const choose = [{ name: "default", weight: 0.5 }];
    await expect(mergeOf(small, { ...saved, choose })).rejects.toMatchObject({
      code: "TENON_ADAPTER_WEIGHT",
    });
    for (const options of [dora, tokens]) {
      const base = fixture(
        json(`merge/${options === dora ? "dora-linear" : "token-indices"}/case.json`)["base"] as string,
      );
      await expect(mergeOf(base, { ...options, choose })).rejects.toMatchObject({
        code: "TENON_ADAPTER_WEIGHT",
      });
    }
  });

  it("two adapters that both hold one parameter", async () => {
    const adapters = ["modules-to-save-lm-head", "embeddings-targeted"].map((name) =>
      fixture(`merge/${name}/adapter`),
    );
    await expect(mergeOf(small, { adapters })).rejects.toMatchObject({
      code: "TENON_ADAPTER_REPLACES_TWICE",
    });
  });

  it("a choice of adapters that is not there, and none where there are several", async () => {
    await expect(mergeOf(small, { adapters: [linear], choose: [{ name: "poet" }] })).rejects.toMatchObject({
      code: "TENON_ADAPTER_NOT_FOUND",
      exitCode: 2,
      details: { allowed: ["default"] },
    });
    const several = fixture("merge/two-adapters/adapter");
    await expect(mergeOf(small, { adapters: [several] })).rejects.toMatchObject({
      code: "TENON_ADAPTER_WANTED",
    });
  });

  it("two bases", async () => {
    await expect(mergeOf(small, { adapters: [fixture("base/llama-bf16"), linear] })).rejects.toMatchObject({
      code: "TENON_BASE_SEVERAL",
      exitCode: 5,
    });
  });

  it("a trained base that only the optimizer remembers, unless told to", async () => {
    const source = fixture("hybrid/qv/trainer-peft/checkpoint-3");
    const base = fixture("hybrid/qv/base");
    await expect(mergeOf(source, { base })).rejects.toMatchObject({
      code: "TENON_TRAINED_BASE_LOST",
      hint: expect.stringContaining("--allow-lost-base"),
    });
    await expect(mergeOf(source, { base, allowLostBase: true })).resolves.toBeUndefined();
  });

  it("parameters beside the model, until they are dropped by name", async () => {
    const source = fixture("hybrid/qv/trainer-module/checkpoint-3");
    const adapterConfig = json("hybrid/qv/trainer-module/truth/adapter/adapter_config.json");
    const options = { adapterConfig, base: fixture("hybrid/qv/base") };
    await expect(mergeOf(source, options)).rejects.toMatchObject({
      code: "TENON_NAMES_OUTSIDE_MODEL",
      hint: "Leave them out: --drop gain",
    });
    await expect(mergeOf(source, { ...options, drop: ["gain"] })).resolves.toBeUndefined();
    await expect(mergeOf(source, { ...options, drop: ["gain", "again"] })).rejects.toMatchObject({
      code: "TENON_DROP_UNKNOWN",
      exitCode: 2,
    });
  });

  it("a hybrid over a base of another shape or of other names", async () => {
    const source = fixture("hybrid/qv/base-model-save-pretrained");
    const adapterConfig = json("hybrid/qv/truth/adapter/adapter_config.json");
    await expect(mergeOf(source, { adapterConfig, base: fixture("base/llama-bf16") })).rejects.toMatchObject({
      code: "TENON_BASE_SHAPE_MISMATCH",
    });
    await expect(mergeOf(source, { adapterConfig, base: fixture("base/gpt2-f32") })).rejects.toMatchObject({
      code: "TENON_BASE_NAME_UNKNOWN",
      hint: "It is another model: give the base that was trained, --base DIR.",
      details: { unknown: 20, stored: 21 },
    });
  });

  it("a vocabulary that was resized for one embedding only", async () => {
    const adapter = await withoutTensor(fixture("merge/embeddings-resized/adapter"), /lm_head/);
    await expect(tenon.merge(small, { adapters: [adapter], output: memorySink() })).rejects.toMatchObject({
      code: "TENON_EMBEDDING_RESIZED_IN_PART",
    });
  });

  it("another dtype for weights that are quantised", async () => {
    await using opened = await tenon.open(small);
    const config = await opened.readDocument("config.json");
    const extra = { name: "model.extra.weight", dtype: "F8_E4M3", shape: [4] } as const;
    const base = await written([...opened.entries.map(({ tensor }) => tensor), extra], "model.safetensors", {
      "config.json": config,
    });
    const options = { adapters: [linear], output: memorySink(), dtype: "F32" } as const;
    await expect(tenon.merge(base, options)).rejects.toMatchObject({ code: "TENON_DTYPE_NOT_CONVERTED" });
  });

  it("threads and memory that cannot be", async () => {
    const adapters = [linear];
    await expect(mergeOf(small, { adapters, threads: 0 })).rejects.toMatchObject({
      code: "TENON_THREADS",
      exitCode: 2,
    });
    await expect(mergeOf(small, { adapters, threads: 4, memoryBytes: 2 ** 25 })).rejects.toMatchObject({
      code: "TENON_MEMORY_TOO_SMALL",
      exitCode: 2,
    });
  });

  it("a layout that is not known", async () => {
    await expect(mergeOf(small, { adapters: [linear], layout: "pickle" })).rejects.toMatchObject({
      code: "TENON_LAYOUT_NOT_KNOWN",
      exitCode: 2,
    });
  });
});

describe("a merge on disk", () => {
  let scratch = "";
  beforeAll(async () => {
    scratch = await mkdtemp(join(tmpdir(), "tenon-merge-"));
  });
  afterAll(async () => {
    await rm(scratch, { recursive: true, force: true });
  });

  it("does not touch an output that exists, without force", async () => {
    const output = join(scratch, "merged");
    await tenon.merge(small, { adapters: [linear], output });
    const before = await readdir(output);
    await expect(tenon.merge(small, { adapters: [linear], output })).rejects.toMatchObject({
      code: "TENON_OUTPUT_EXISTS",
      exitCode: 5,
    });
    expect(await readdir(output)).toEqual(before);
    await tenon.merge(small, { adapters: [linear], output, force: true });
  });

  it("leaves nothing when it is refused or interrupted", async () => {
    const output = join(scratch, "nothing");
    const controller = new AbortController();
    controller.abort();
    await expect(
      tenon.merge(small, { adapters: [linear], output, signal: controller.signal }),
    ).rejects.toMatchObject({ code: "TENON_INTERRUPTED", exitCode: 130 });
    await expect(tenon.merge(small, { output })).rejects.toMatchObject({ code: "TENON_MERGE_NOTHING" });
    expect((await readdir(scratch)).filter((name) => name.includes("nothing"))).toEqual([]);
  });

  it("explains and writes nothing on a dry run", async () => {
    const output = join(scratch, "dry");
    const { explanation, certificate } = await tenon.merge(small, {
      adapters: [linear],
      output,
      dryRun: true,
    });
    expect(explanation.changed["addLowRank"]).toBeGreaterThan(0);
    expect(explanation.bytesRead).toBeGreaterThan(explanation.bytesWritten);
    expect(certificate).toBeUndefined();
    expect(await readdir(scratch)).not.toContain("dry");
  });
});

describe("the memory that a dry run tells of", () => {
  const mib = 1024 * 1024;
  const told = async (more: Partial<MergeOptions>): Promise<unknown> => {
    const options = { adapters: [linear], output: memorySink(), dryRun: true, ...more };
    return (await tenon.merge(small, options)).explanation.peakMemory;
  };

  it("is what --memory allows all threads together, and no more threads than there is work for", async () => {
    expect(await told({ threads: 2, memoryBytes: 64 * mib })).toEqual({ threads: 2, bytes: 64 * mib });
    expect(await told({ threads: 1 })).toEqual({ threads: 1, bytes: 96 * mib });
    const { bytesWritten, files } = (
      await tenon.merge(small, { adapters: [linear], output: memorySink(), dryRun: true })
    ).explanation;
    expect(bytesWritten).toBeLessThan(mib);
    const tensors = files.reduce((sum, file) => sum + file.tensors, 0);
    const many = { threads: tensors + 9, memoryBytes: (tensors + 9) * 16 * mib };
    expect(await told(many)).toEqual({ threads: tensors, bytes: tensors * 16 * mib });
  });

  it("is refused where the run would refuse it", async () => {
    await expect(told({ threads: 2, memoryBytes: mib })).rejects.toMatchObject({
      code: "TENON_MEMORY_TOO_SMALL",
      exitCode: 2,
    });
  });
});

/** An adapter directory in memory, less the tensors whose names match. */
async function withoutTensor(directory: string, left: RegExp): Promise<ReturnType<typeof memoryTree>> {
  await using opened = await tenon.open(directory);
  const tensors = opened.entries.map(({ tensor }) => tensor).filter(({ name }) => !left.test(name));
  const config = await opened.readDocument("adapter_config.json");
  return await written(tensors, "adapter_model.safetensors", { "adapter_config.json": config });
}
