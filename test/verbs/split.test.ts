import { describe, expect, it } from "vitest";
import { expectSameTensors, hybridCase, keptHybrids as kept } from "../layouts/fixtures.ts";
import { below, configAt, filesAt, openFiles, splitInMemory } from "./converted.ts";
import { fixture, tenon } from "./tenon.ts";

/** Saved by tools that keep the adapter alone. */
const adapterOnly = [
  "qv/save-pretrained",
  "qv/trainer-peft",
  "qv/trainer-native",
  "qv/native-save-pretrained",
  "tied-bf16/save-pretrained",
  "tied-bf16/trainer-peft",
  "all-linear-bf16/save-pretrained",
  "all-linear-bf16/trainer-peft",
];

const dropsOf = (name: string): string[] => [
  ...(/trainer|save-state/.test(name) ? ["optimizer"] : []),
  ...(hybridCase(name).foreign ?? []),
];

describe("a hybrid that is split", () => {
  it.each(kept)("has the bytes that transformers and PEFT write: %s", async (name) => {
    const { source, truth, adapterConfig } = hybridCase(name);
    const given = adapterConfig === null ? {} : { adapterConfig: configAt(adapterConfig) };
    const { files, report } = await splitInMemory(fixture(source), { ...given, drop: dropsOf(name) });
    const [base, adapter] = [filesAt(`${truth}/base`), filesAt(`${truth}/adapter`)];
    expect(below(files, "base").get("model.safetensors")).toEqual(base.get("model.safetensors"));
    const written = below(files, "adapters/default");
    expect(written.get("adapter_model.safetensors")).toEqual(adapter.get("adapter_model.safetensors"));
    const text = (bytes: Uint8Array | undefined): string => new TextDecoder().decode(bytes);
    expect(text(written.get("adapter_config.json"))).toBe(text(adapter.get("adapter_config.json")));
    expect(report.base).toMatchObject({ tensors: expect.any(Number), isComplete: true, reference: null });
    await using opened = await openFiles(files);
    await using expected = await tenon.open(fixture(`${truth}/base`));
    expect(opened.layout).toBe("tenon");
    await expectSameTensors(opened.base?.tensors ?? new Map(), expected.base?.tensors ?? new Map());
  });

  it.each(adapterOnly)("is an adapter and no base where only the adapter was saved: %s", async (name) => {
    const { source, truth, optimizerHoldsLostBase } = hybridCase(name);
    const { files, report } = await splitInMemory(fixture(source), { drop: dropsOf(name) });
    const adapter = filesAt(`${truth}/adapter`);
    const written = below(files, "adapters/default");
    expect(written.get("adapter_model.safetensors")).toEqual(adapter.get("adapter_model.safetensors"));
    expect(report.base).toBeNull();
    expect(report.observations.some(({ code }) => code === "TENON_TRAINED_BASE_LOST")).toBe(
      optimizerHoldsLostBase === true,
    );
  });

  it("keeps the documents of the trainer, and says which files it leaves", async () => {
    const { source } = hybridCase("qv/trainer-module");
    const { files, report } = await splitInMemory(fixture(source), { drop: ["optimizer", "gain"] });
    expect(report).toMatchObject({
      trainerDocuments: ["trainer_state.json", "rng_state.pth", "scheduler.pt"],
      dropped: ["optimizer", "gain"],
      left: ["training_args.bin"],
    });
    await using opened = await openFiles(files);
    expect(opened.trainer?.documents.get("trainer_state.json")?.["global_step"]).toBe(3);
  });

  it("goes on without alpha, and says so", async () => {
    const { files, report } = await splitInMemory(fixture(hybridCase("qv/state-dict-pt").source));
    expect(report.adapters).toEqual([{ name: "default", tensors: 8, hasConfig: false }]);
    expect([...files.keys()]).not.toContain("adapters/default/adapter_config.json");
  });

  it("records where it came from", async () => {
    const { source } = hybridCase("qv/state-dict-with-config");
    const { files } = await splitInMemory(fixture(source));
    const manifest = JSON.parse(new TextDecoder().decode(files.get("tenon.json"))) as Record<string, unknown>;
    expect(manifest["origin"]).toEqual({ verb: "split", location: fixture(source), layout: "state-dict" });
    expect(manifest["tools"]).toMatchObject({ tenon: expect.any(String) });
  });

  it("writes nothing on a dry run, and says what it would write", async () => {
    const { source } = hybridCase("qv/state-dict-with-config");
    const { files, report } = await splitInMemory(fixture(source), { dryRun: true });
    expect(files.size).toBe(0);
    expect(report.files).toBeUndefined();
    expect(report.explanation).toMatchObject({
      copied: 29,
      cast: 0,
      bytesRead: 75_904,
      bytesWritten: 75_904,
    });
    expect(JSON.parse(JSON.stringify(report))).toEqual(report);
  });
});

/** Damaged by their names alone, so that what is in them is whole. */
const damaged = [
  ["d01-base-layer", "d01-base-layer"],
  ["d02-two-names", "d02-two-names/model.safetensors"],
  ["d07-module", "d07-module/pytorch_model.bin"],
] as const;
const partial = [
  "d07-forward-module/model.safetensors",
  "d07-fsdp/model.safetensors",
  "d07-module-twice/model.safetensors",
  "d07-orig-mod/model.safetensors",
  "d07-orig-mod-inside/model.safetensors",
  "d07-sentence-transformers/model.safetensors",
  "d07-lightning/last.ckpt",
];
const adapters = ["d02-adapter-name", "d02-other-name", "d05-prefix-missing", "d06-prefix-doubled"];
const cutShort = ["d06-prefix-short", "d06-prefix-vlm"];

describe("names that are damaged", () => {
  const whole = "damaged/whole";

  it.each(damaged)("do not hinder a split: %s", async (_, source) => {
    const { files } = await splitInMemory(fixture(`damaged/${source}`));
    await using opened = await openFiles(files);
    await using base = await tenon.open(fixture(`${whole}/base`));
    await expectSameTensors(opened.base?.tensors ?? new Map(), base.base?.tensors ?? new Map());
    const written = below(files, "adapters/default").get("adapter_model.safetensors");
    expect(written).toEqual(filesAt(`${whole}/adapter`).get("adapter_model.safetensors"));
  });

  it.each(partial)("do not hinder a split of the part that is there: %s", async (source) => {
    const { files } = await splitInMemory(fixture(`damaged/${source}`));
    await using opened = await openFiles(files);
    await using base = await tenon.open(fixture(`${whole}/base`));
    const found = opened.base?.tensors ?? new Map();
    expect(found.size).toBe(13);
    const expected = [...(base.base?.tensors ?? [])].filter(([name]) => found.has(name));
    await expectSameTensors(found, new Map(expected));
    const written = below(files, "adapters/default").get("adapter_model.safetensors");
    expect(written).toEqual(filesAt(`${whole}/adapter`).get("adapter_model.safetensors"));
  });

  it.each(adapters)("of an adapter become PEFT's: %s", async (name) => {
    const { files } = await splitInMemory(fixture(`damaged/${name}/adapter`));
    expect(below(files, "adapters/default")).toEqual(filesAt(`${whole}/adapter`));
  });

  it.each(cutShort)("of an adapter become PEFT's when the base is given: %s", async (name) => {
    const options = { base: fixture("base/llama-small-bf16") };
    const { files } = await splitInMemory(fixture(`damaged/${name}/adapter`), options);
    expect(below(files, "adapters/default")).toEqual(filesAt(`${whole}/adapter`));
  });

  it("keep two adapters apart", async () => {
    const { report } = await splitInMemory(fixture("damaged/d02-two-names/model.safetensors"));
    expect(report.adapters.map(({ name }) => name)).toEqual(["default", "second"]);
  });

  it("leave a saved module with its adapter, and its original with the base", async () => {
    const source = "damaged/d08-modules-to-save/model.safetensors";
    const { files } = await splitInMemory(fixture(source));
    await using stored = await tenon.open(fixture(source));
    const byName = new Map(stored.entries.map(({ tensor }) => [tensor.name, tensor]));
    const named = (name: string): never => byName.get(`base_model.model.lm_head.${name}.weight`) as never;
    await using base = await openFiles(below(files, "base"));
    await using adapter = await openFiles(below(files, "adapters/default"));
    const head = base.base?.tensors.get("lm_head.weight") as never;
    await expectSameTensors(new Map([["head", head]]), new Map([["head", named("original_module")]]));
    const saved = adapter.entries.find(({ tensor }) => tensor.name === "base_model.model.lm_head.weight");
    const copy = new Map([["head", saved?.tensor as never]]);
    await expectSameTensors(copy, new Map([["head", named("modules_to_save.default")]]));
  });

  it("leave the rows of trained tokens with the adapter, and the embedding with the base", async () => {
    const { files } = await splitInMemory(fixture("damaged/d10-token-adapter"));
    await using opened = await openFiles(files);
    const rows = opened.adapters.get("default")?.tokenDeltas.get("model.embed_tokens");
    expect(rows?.shape).toEqual([2, 32]);
    await using stored = await tenon.open(fixture("damaged/d10-token-adapter"));
    await expectSameTensors(opened.base?.tensors ?? new Map(), stored.base?.tensors ?? new Map());
    const wrapped = stored.base?.tensors.get("model.embed_tokens.weight")?.name;
    expect(wrapped).toBe("base_model.model.model.embed_tokens.token_adapter.base_layer.weight");
  });

  it("lose the leftovers that PEFT does not read, which is said", async () => {
    const { files, report } = await splitInMemory(fixture("damaged/d09-stray-biases/adapter"));
    expect(report.adapters).toEqual([{ name: "default", tensors: 20, hasConfig: true }]);
    expect(report.observations.map(({ code }) => code)).toContain("TENON_NAMES_STRAY_BIAS");
    await using adapter = await openFiles(below(files, "adapters/default"));
    expect(adapter.observations).toEqual([]);
  });
});
