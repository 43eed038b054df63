import { existsSync, readdirSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { memoryTree } from "../../src/bytes/index.ts";
import { expectSameTensors, hybridCase } from "../layouts/fixtures.ts";
import {
  below,
  configAt,
  convertInMemory,
  type Files,
  filesAt,
  openFiles,
  splitInMemory,
} from "./converted.ts";
import { fixture, tenon } from "./tenon.ts";

const caseOf = (name: string): { base: string; adapters: string[] } =>
  JSON.parse(readFileSync(fixture(`merge/${name}/case.json`), "utf8")) as never;
const cases = readdirSync(fixture("merge")).filter((name) =>
  existsSync(fixture(`${caseOf(name).adapters[0]}/adapter_model.safetensors`)),
);
/** PEFT saves the embedding with the adapter, or the biases; in a live model they are the base's own. */
const folding = [
  "bias-all",
  "bias-lora-only",
  "dora-embedding",
  "embedding",
  "embedding-regex",
  "embeddings-resized",
  "embeddings-targeted",
  "linear-odd",
  "modules-to-save-bias-all",
  "tied-both-targeted",
  "tied-embedding-targeted",
  "tied-ensure",
  "tied-lm-head-targeted",
];
/** Its modules stand on layers that the base on disk does not have, or that do not have its shape. */
const elsewhere = ["layer-replication", "bdlora"];

const only = (files: Files, name: RegExp): Files => new Map([...files].filter(([path]) => name.test(path)));
const adapterFiles = /^adapter_(config|model)\./;

describe("an adapter and its base, through other layouts and back", () => {
  it.each(cases)("are PEFT's bytes again after tenon: %s", async (name) => {
    const [adapter = ""] = caseOf(name).adapters;
    const split = await splitInMemory(fixture(adapter));
    const back = await convertInMemory(memoryTree(split.files), "peft");
    const expected = only(filesAt(adapter), adapterFiles);
    // Leftovers that PEFT does not read are not carried.
    const strayed = split.report.observations.some(({ code }) => code === "TENON_NAMES_STRAY_BIAS");
    if (strayed) expect(back.report.adapters[0]?.tensors).toBe(split.report.adapters[0]?.tensors);
    else expect(only(back.files, adapterFiles)).toEqual(expected);
  });

  it.each(cases.filter((name) => !folding.includes(name) && !elsewhere.includes(name)))(
    "are the same bytes again after a state dict of both: %s",
    async (name) => {
      const { base, adapters } = caseOf(name);
      const [adapter = ""] = adapters;
      const live = await convertInMemory(fixture(adapter), "state-dict", { base: fixture(base) });
      expect(live.report.folded).toEqual([]);
      const { files } = await splitInMemory(memoryTree(live.files));
      expect(below(files, "adapters/default")).toEqual(only(filesAt(adapter), adapterFiles));
      await using opened = await openFiles(files);
      await using expected = await tenon.open(fixture(base));
      await expectSameTensors(opened.base?.tensors ?? new Map(), expected.base?.tensors ?? new Map());
      expect([...(opened.base?.ties ?? [])]).toEqual([...(expected.base?.ties ?? [])]);
    },
  );

  it.each(folding)("hand over what a live model keeps in the base, and say so: %s", async (name) => {
    const { base, adapters } = caseOf(name);
    const [adapter = ""] = adapters;
    const live = await convertInMemory(fixture(adapter), "state-dict", { base: fixture(base) });
    await using source = await tenon.open(fixture(adapter));
    const own = source.adapters.get("default")?.replacements ?? [];
    const moved = own.filter(({ kind }) => kind !== "modulesToSave");
    expect([...live.report.folded].sort()).toEqual(moved.map(({ parameter }) => parameter).sort());
    await using opened = await openFiles(live.files);
    const { tensors, ties } = opened.base as NonNullable<typeof opened.base>;
    for (const { parameter, tensor } of moved) {
      const found = tensors.get(parameter) ?? tensors.get(ties.get(parameter) ?? "");
      await expectSameTensors(new Map([[parameter, found as never]]), new Map([[parameter, tensor]]));
    }
    expect(opened.observations.map(({ code }) => code)).not.toContain("TENON_TIE_STORED_TWICE");
  });
});

const whole = (name: string): boolean => existsSync(fixture(`base/${name}/config.json`));
const bases = readdirSync(fixture("base")).filter(whole);

describe("a model", () => {
  it.each(bases)("is the same directory again after tenon, sharding included: %s", async (name) => {
    const split = await splitInMemory(fixture(`base/${name}`));
    expect(below(split.files, "base")).toEqual(filesAt(`base/${name}`));
    const { files } = await convertInMemory(memoryTree(split.files), "hf");
    expect(files).toEqual(filesAt(`base/${name}`));
  });

  it("takes another sharding when asked", async () => {
    const { files } = await convertInMemory(fixture("base/llama-small-bf16"), "hf", { maxShardBytes: 9000 });
    const shards = [...files.keys()].filter((path) => /^model-\d{5}-of-\d{5}\.safetensors$/.test(path));
    expect(shards.length).toBeGreaterThan(3);
    await using opened = await openFiles(files);
    await using expected = await tenon.open(fixture("base/llama-small-bf16"));
    await expectSameTensors(opened.base?.tensors ?? new Map(), expected.base?.tensors ?? new Map());
  });
});

describe("a hybrid", () => {
  const configs = { adapterConfig: configAt("hybrid/qv/truth/adapter") };

  it("becomes the state dict that accelerate saves, byte for byte", async () => {
    for (const name of ["qv/state-dict-pt", "qv/state-dict-safetensors", "qv/base-model-save-pretrained"]) {
      const split = await splitInMemory(fixture(hybridCase(name).source), configs);
      const { files } = await convertInMemory(memoryTree(split.files), "state-dict");
      const expected = filesAt("hybrid/qv/accelerator-save-model").get("model.safetensors");
      expect(files.get("state_dict.safetensors"), name).toEqual(expected);
    }
  });

  it("is the same files again, in tenon's layout and in peft-hybrid", async () => {
    const source = fixture(hybridCase("qv/state-dict-with-config").source);
    const split = await splitInMemory(source);
    const again = await splitInMemory(memoryTree(split.files));
    const data = /^(base|adapters)\//;
    expect(only(again.files, data)).toEqual(only(split.files, data));
    const base = fixture("hybrid/qv/base");
    const carried = await convertInMemory(source, "peft-hybrid", { base });
    expect(carried.report.base).toMatchObject({ tensors: 21, isComplete: false });
    const parts = await splitInMemory(memoryTree(carried.files));
    const back = await convertInMemory(memoryTree(parts.files), "peft-hybrid");
    expect(back.files).toEqual(carried.files);
  });

  it("stands, as peft-hybrid, on the base that its adapter's config names", async () => {
    const source = fixture(hybridCase("qv/state-dict-with-config").source);
    const carried = await convertInMemory(source, "peft-hybrid", { base: fixture("hybrid/qv/base") });
    const { report } = await splitInMemory(memoryTree(carried.files));
    expect(report.base).toMatchObject({
      isComplete: false,
      reference: { location: "hybrid/qv/base", relied: 0 },
    });
  });

  it("keeps its tie in a state dict", async () => {
    const { source } = hybridCase("tied-bf16/state-dict-pt");
    const adapterConfig = configAt("hybrid/tied-bf16/truth/adapter");
    const split = await splitInMemory(fixture(source), { adapterConfig });
    const { files } = await convertInMemory(memoryTree(split.files), "state-dict");
    const expected = filesAt("hybrid/tied-bf16/accelerator-save-model").get("model.safetensors");
    expect(files.get("state_dict.safetensors")).toEqual(expected);
  });
});
