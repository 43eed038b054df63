import { existsSync, readdirSync, readFileSync } from "node:fs";
import { cp, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parseLoraConfig, resolveRankAndAlpha } from "../../src/adapters/index.ts";
import { memorySink } from "../../src/bytes/index.ts";
import { isTenonError, type JsonRecord, parseJsonRecord } from "../../src/core/index.ts";
import { type Diagnosis, diagnose } from "../../src/verbs/diagnose.ts";
import { type RepairOptions, type RepairReport, repair } from "../../src/verbs/repair.ts";
import { fixture, fixtures, inlineHost as host, tenon } from "./tenon.ts";

let directory = "";
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "tenon-repair-"));
});
afterAll(() => rm(directory, { recursive: true, force: true }));

interface Case {
  readonly source: string;
  readonly base: string;
  readonly expected?: string | null;
  readonly adapterConfig?: string;
  readonly adapter?: string;
}

const caseOf = (name: string): Case => json(fixture(`damaged/${name}/case.json`)) as unknown as Case;
const json = (path: string): JsonRecord => parseJsonRecord(readFileSync(path, "utf8"), { file: path });
const configOf = (adapter: string): JsonRecord => json(fixture(`${adapter}/adapter_config.json`));

function optionsOf(name: string): Omit<RepairOptions, "output"> {
  const { source, base, adapterConfig, adapter } = caseOf(name);
  return {
    ...(base !== source && { base: fixture(base) }),
    ...(adapterConfig !== undefined && { adapterConfig: configOf(adapterConfig) }),
    ...(adapter !== undefined && { adapters: [fixture(adapter)] }),
  };
}

async function repaired(name: string, more: Partial<RepairOptions> = {}): Promise<RepairReport> {
  const output = join(directory, name);
  return repair(host, fixture(caseOf(name).source), { ...optionsOf(name), output, force: true, ...more });
}

/** What is left in the output, against the same base. */
function again(name: string): Promise<Diagnosis> {
  const { base } = optionsOf(name);
  return diagnose(host, join(directory, name), base === undefined ? {} : { base });
}

const same = (name: string, file: string, truth: string): void => {
  const [own, theirs] = [readFileSync(join(directory, name, file)), readFileSync(fixture(truth))];
  expect(own.equals(theirs), `${file} is ${truth}`).toBe(true);
};

const adapterFiles = ["adapter_config.json", "adapter_model.safetensors"];
/** adapter_config.json is not PEFT's where the repair had to write it anew. */
const renamed: Readonly<Record<string, readonly string[]>> = {
  "d02-adapter-name": adapterFiles,
  "d02-other-name": adapterFiles,
  "d03-name-doubled": adapterFiles,
  "d04-magnitude-weight": adapterFiles,
  "d04-parameters-named": adapterFiles,
  "d05-prefix-missing": adapterFiles,
  "d06-prefix-doubled": adapterFiles,
  "d06-prefix-short": adapterFiles,
  "d06-prefix-vlm": adapterFiles,
  "d15-rank": adapterFiles,
  "d15-pattern-lost": ["adapter_model.safetensors"],
  "d17-target-extra": ["adapter_model.safetensors"],
  "d17-target-missing": ["adapter_model.safetensors"],
  "d18-transposed": adapterFiles,
  "d19-vlm-rename": adapterFiles,
  "d19-vlm-rename-back": adapterFiles,
};

describe("an adapter that is repaired", () => {
  it.each(Object.entries(renamed))("(%s) is PEFT's own, byte for byte: %j", async (name, files) => {
    const report = await repaired(name);
    expect(report).toMatchObject({ layout: "peft", after: [] });
    expect(report.repaired.length).toBeGreaterThan(0);
    for (const file of files) same(name, file, `${caseOf(name).expected}/${file}`);
    expect((await again(name)).findings).toEqual([]);
  });

  it("keeps every scaling where the config lost its rank_pattern", async () => {
    const report = await repaired("d15-pattern-lost");
    const mine = parseLoraConfig(json(join(directory, "d15-pattern-lost/adapter_config.json")), "mine");
    const truth = parseLoraConfig(configOf("merge/rank-pattern/adapter"), "truth");
    await using checkpoint = await tenon.open(String(report.output));
    const modules = [...(checkpoint.adapters.get("default")?.modules.values() ?? [])];
    expect(modules.length).toBe(14);
    for (const { path } of modules)
      expect(resolveRankAndAlpha(mine, path), path).toEqual(resolveRankAndAlpha(truth, path));
  });

  it.each(["d17-target-extra", "d17-target-missing"])("(%s) targets what it holds", async (name) => {
    await repaired(name);
    const targets = json(join(directory, name, "adapter_config.json"))["target_modules"];
    expect(new Set(targets as string[])).toEqual(new Set(["q_proj", "v_proj"]));
  });

  it("targets whole paths where only some layers have LoRA", async () => {
    const source = fixture("merge/layers-to-transform/adapter");
    const adapterConfig = {
      ...json(join(source, "adapter_config.json")),
      layers_to_transform: null,
      target_modules: ["k_proj"],
    };
    const output = join(directory, "some-layers");
    await repair(host, source, { output, adapterConfig });
    const targets = json(join(output, "adapter_config.json"))["target_modules"] as string[];
    expect(targets.length).toBeGreaterThan(0);
    expect((await diagnose(host, output)).findings).toEqual([]);
  });

  it("leaves stray biases behind and says so", async () => {
    const report = await repaired("d09-stray-biases");
    expect(report.repaired.map(({ code }) => code)).toEqual(["TENON_NAMES_STRAY_BIAS"]);
    await using checkpoint = await tenon.open(String(report.output));
    expect(
      checkpoint.entries
        .map(({ tensor }) => tensor.name)
        .filter((name) => /modules_to_save|original/.test(name)),
    ).toEqual([]);
    expect((await again("d09-stray-biases")).findings).toEqual([]);
  });

  it("is the one at the top where a folder holds it too, and the other file is named", async () => {
    const report = await repaired("d24-root-and-folders");
    expect(report.dropped).toEqual(["default/adapter_model.safetensors"]);
    const files = readdirSync(join(directory, "d24-root-and-folders"), { recursive: true });
    expect(files.filter((file) => String(file).endsWith(".safetensors")).sort()).toEqual([
      "adapter_model.safetensors",
      "second/adapter_model.safetensors",
    ]);
    same(
      "d24-root-and-folders",
      "adapter_model.safetensors",
      "damaged/whole/adapter/adapter_model.safetensors",
    );
  });

  it("loses the quantised base that it came with, and says so; what was trained of it only if told to", async () => {
    const name = "d20-bitsandbytes";
    const { base: _, ...options } = optionsOf(name);
    const output = join(directory, name);
    const unknowing = await repair(host, fixture(caseOf(name).source), { ...options, output });
    expect(unknowing).toMatchObject({ layout: "peft", dropped: ["base"], after: [] });
    for (const file of adapterFiles) same(name, file, `damaged/whole/adapter/${file}`);
    await expect(repaired(name)).rejects.toMatchObject({
      code: "TENON_REPAIR_REFUSED",
      details: { findings: [{ code: "TENON_BASE_TRAINED" }] },
    });
    expect((await repaired(name, { drop: ["base"] })).dropped).toEqual(["base"]);
  });

  it.each([
    ["d16-missing-a", "default:model.layers.0.self_attn.q_proj.lora_B"],
    ["d16-missing-b", "base_model.model.model.layers.1.self_attn.v_proj.lora_A.weight"],
    ["d16-missing-module", "lm_head"],
  ])("(%s) does without what is given up: --drop %s", async (name, drop) => {
    await expect(repaired(name)).rejects.toMatchObject({ code: "TENON_REPAIR_REFUSED" });
    const report = await repaired(name, { drop: [drop] });
    expect(report.dropped).toEqual(name === "d16-missing-module" ? [] : [drop]);
    expect((await again(name)).findings).toEqual([]);
  });
});

describe("a hybrid that is repaired", () => {
  const whole = { "base/model.safetensors": "base/model.safetensors" };
  const adapter = {
    "adapters/default/adapter_config.json": "adapter/adapter_config.json",
    "adapters/default/adapter_model.safetensors": "adapter/adapter_model.safetensors",
  };
  it.each([
    ["d01-base-layer", { ...whole, ...adapter, "base/config.json": "base/config.json" }],
    ["d02-two-names", { ...whole, ...adapter }],
    ["d07-module", { ...whole, ...adapter }],
    ["d07-forward-module", adapter],
    ["d07-fsdp", adapter],
    ["d07-lightning", adapter],
    ["d07-module-twice", adapter],
    ["d07-orig-mod", adapter],
    ["d07-orig-mod-inside", adapter],
    ["d07-sentence-transformers", adapter],
    ["d11-lora-unmerged", adapter],
    ["d08-modules-to-save", {}],
    ["d10-token-adapter", {}],
  ])("(%s) comes apart into what was trained", async (name, files) => {
    const report = await repaired(name);
    expect(report.layout).toBe("tenon");
    for (const [file, truth] of Object.entries(files)) same(name, file, `damaged/whole/${truth}`);
    const left = (await again(name)).findings;
    expect(left.filter(({ severity }) => severity !== "note")).toEqual([]);
    expect(report.after?.filter(({ severity }) => severity !== "note")).toEqual([]);
  });

  it("stores only what differs where the source has gaps and the base fills them", async () => {
    const report = await repaired("d07-fsdp");
    await using checkpoint = await tenon.open(String(report.output));
    expect(checkpoint.base?.isComplete).toBe(false);
    expect(checkpoint.base?.reference?.location).toBe(fixture("base/llama-small-bf16"));
    expect(checkpoint.base?.reference?.digests.size).toBeGreaterThan(0);
    // The digests tell another base of the same shapes.
    const other = await diagnose(host, String(report.output), { base: fixture("damaged/whole/base") });
    const wrong = other.findings.find(({ code }) => code === "TENON_BASE_WRONG");
    expect(wrong?.evidence.facts).toMatchObject({ differ: "digests" });
    await expect(
      repair(host, String(report.output), {
        base: fixture("damaged/whole/base"),
        output: join(directory, "x"),
      }),
    ).rejects.toMatchObject({ code: "TENON_REPAIR_REFUSED" });
  });

  it("that was merged already loses LoRA and keeps its weights", async () => {
    const report = await repaired("d11-lora-merged");
    expect(report).toMatchObject({ layout: "hf", dropped: ["adapters"] });
    await using out = await tenon.open(String(report.output));
    await using damaged = await tenon.open(fixture("damaged/d11-lora-merged"));
    expect(out.adapters.size).toBe(0);
    for (const [name, tensor] of out.base?.tensors ?? []) {
      const [one, other] = [new Uint8Array(tensor.byteLength), new Uint8Array(tensor.byteLength)];
      await tensor.read(0, one);
      await damaged.base?.tensors.get(name)?.read(0, other);
      expect(one, name).toEqual(other);
    }
  });

  it("of a training keeps its optimizer by name", async () => {
    const source = fixture("hybrid/qv/accelerator-save-state");
    const output = join(directory, "save-state");
    const options = { output, adapterConfig: configOf("hybrid/qv/truth/adapter") };
    const report = await repair(host, source, options);
    expect(report.after).toEqual([]);
    expect(existsSync(join(output, "optimizer/optimizer.safetensors"))).toBe(true);
    const file = "adapters/default/adapter_model.safetensors";
    const truth = await readFile(fixture("hybrid/qv/truth/adapter/adapter_model.safetensors"));
    expect((await readFile(join(output, file))).equals(truth)).toBe(true);
  });
});

describe("a model that is repaired", () => {
  it("is untied where its two embeddings differ", async () => {
    const report = await repaired("d14-tie-broken");
    expect(report.layout).toBe("hf");
    const config = json(join(directory, "d14-tie-broken/config.json"));
    expect(config["tie_word_embeddings"]).toBe(false);
    const own = await readFile(join(directory, "d14-tie-broken/model.safetensors"));
    expect(own.equals(await readFile(fixture("damaged/d14-tie-broken/model.safetensors")))).toBe(true);
    expect((await again("d14-tie-broken")).findings.map(({ severity }) => severity)).toEqual(["note"]);
  });

  it("gets the vocabulary that its embeddings have", async () => {
    const source = join(directory, "resized");
    await cp(fixture("base/llama-small-bf16"), source, { recursive: true });
    const config = json(join(source, "config.json"));
    await writeFile(join(source, "config.json"), JSON.stringify({ ...config, vocab_size: 60 }));
    const before = await diagnose(host, source);
    expect(before.findings.map(({ code }) => code)).toEqual(["TENON_EMBEDDING_RESIZED"]);
    const output = join(directory, "resized-repaired");
    const report = await repair(host, source, { output });
    expect(report).toMatchObject({ layout: "hf", after: [] });
    expect(json(join(output, "config.json"))["vocab_size"]).toBe(config["vocab_size"]);
  });

  it("gets an index that lists all of its shards", async () => {
    const source = join(directory, "unlisted");
    await cp(fixture("base/llama-bf16"), source, { recursive: true });
    const path = join(source, "model.safetensors.index.json");
    const index = JSON.parse(await readFile(path, "utf8"));
    delete index.weight_map["model.norm.weight"];
    await writeFile(path, JSON.stringify(index));
    const before = await diagnose(host, source);
    expect(before.findings.map(({ code }) => code)).toEqual(["TENON_INDEX_TENSOR_UNLISTED"]);
    const output = join(directory, "unlisted-repaired");
    expect((await repair(host, source, { output })).after).toEqual([]);
  });
});

describe("a repair that would be a guess", () => {
  const refusals: Readonly<Record<string, string>> = {
    "d11-lora-trained": "TENON_BASE_LORA_TRAINED",
    "d12-empty-adapter": "TENON_TENSOR_EMPTY",
    "d12-empty-model": "TENON_TENSOR_EMPTY",
    "d12-some-empty": "TENON_TENSOR_EMPTY",
    "d15-doubled": "TENON_ADAPTER_RANK_DOUBLED",
    "d16-missing-a": "TENON_ADAPTER_PAIR_INCOMPLETE",
    "d16-missing-b": "TENON_ADAPTER_PAIR_INCOMPLETE",
    "d16-missing-magnitude": "TENON_ADAPTER_MAGNITUDE_MISSING",
    "d16-missing-module": "TENON_ADAPTER_SAVED_MODULE_MISSING",
    "d21-inf": "TENON_TENSOR_INF",
    "d21-nan": "TENON_TENSOR_NAN",
    "d22-kohya": "TENON_LAYOUT_NOT_YET",
    "d22-megatron": "TENON_NAMES_FOREIGN",
    "d22-torchtune": "TENON_NAMES_FOREIGN",
    "merged-twice": "TENON_MERGED_TWICE",
    "shard-empty": "TENON_SAFETENSORS_EMPTY",
    "shard-half-header": "TENON_SAFETENSORS_HEADER_TRUNCATED",
    "shard-missing": "TENON_SHARD_MISSING",
    "shard-tensor-missing": "TENON_INDEX_TENSOR_ABSENT",
    "shard-tensor-twice": "TENON_SHARD_DUPLICATE_TENSOR",
    "shard-trailing": "TENON_SAFETENSORS_TRAILING_BYTES",
    "shard-truncated": "TENON_SAFETENSORS_TRUNCATED",
    "wrong-base-shape": "TENON_BASE_WRONG",
  };
  it.each(Object.entries(refusals))("(%s) is refused by name: %s", async (name, code) => {
    const output = join(directory, "refused");
    const error = await repaired(name, { output, force: false }).then(
      () => undefined,
      (thrown: unknown) => thrown,
    );
    if (!isTenonError(error)) throw error;
    expect(error).toMatchObject({ code: "TENON_REPAIR_REFUSED", exitCode: 1 });
    const findings = error.details["findings"] as readonly { code: string; remedy: string }[];
    expect(findings.map((finding) => finding.code)).toEqual([code]);
    expect(findings[0]?.remedy).not.toBe("");
    expect(existsSync(output)).toBe(false);
  });

  it("without alpha asks for it", async () => {
    const output = join(directory, "no-alpha");
    const source = fixture("damaged/d01-base-layer");
    await expect(repair(host, source, { output })).rejects.toMatchObject({
      code: "TENON_REPAIR_REFUSED",
      hint: expect.stringContaining("--adapter-config FILE"),
    });
    const report = await repair(host, source, { output, alpha: 8 });
    expect(report.after).toEqual([]);
  });
});

describe("a source without anything to repair", () => {
  it.each([
    "whole",
    "d13-resized",
    "d19-moe-per-expert",
    "d22-mlx",
    "d21-mixed",
    "d23-pissa",
    "shard-stale",
    "wrong-base-name",
  ])("(%s) is left alone, and nothing is written", async (name) => {
    const source = name === "whole" ? "damaged/whole/adapter" : caseOf(name).source;
    const output = join(directory, name);
    const report = await repair(host, fixture(source), { ...optionsOf(name), output });
    expect(report).toMatchObject({ output: null, layout: null, repaired: [] });
    expect(existsSync(output)).toBe(false);
  });

  it("and the others are every case of damaged/", () => {
    // So that a new case cannot be forgotten here.
    const text = readFileSync(import.meta.filename, "utf8");
    const cases = readdirSync(join(fixtures, "damaged"));
    expect(cases.filter((name) => !text.includes(`"${name}"`))).toEqual([]);
  });
});

describe("repairing", () => {
  const source = fixture("damaged/d03-name-doubled/adapter");

  it("plans, explains and writes nothing on a dry run", async () => {
    const output = join(directory, "dry");
    const report = await repair(host, source, { output, dryRun: true });
    expect(report.explanation).toBeDefined();
    expect(report.files).toBeUndefined();
    expect(existsSync(output)).toBe(false);
  });

  it("does not touch an output that exists", async () => {
    const output = join(directory, "taken");
    await repair(host, source, { output });
    await expect(repair(host, source, { output })).rejects.toMatchObject({ code: "TENON_OUTPUT_EXISTS" });
  });

  it("writes into whatever takes files", async () => {
    const sink = memorySink();
    const report = await repair(host, source, { output: sink });
    expect([...sink.files.keys()].sort()).toEqual(adapterFiles);
    expect(report.after).toBeUndefined();
    expect(JSON.parse(JSON.stringify(report))).toEqual(report);
  });
});
