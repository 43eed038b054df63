import { describe, expect, it } from "vitest";
import { memorySink, type memoryTree } from "../../src/bytes/index.ts";
import { type JsonRecord, parseJsonRecord } from "../../src/core/index.ts";
import { written } from "./golden.ts";
import { fixture, tenon } from "./tenon.ts";

type Directory = ReturnType<typeof memoryTree>;

const encode = (value: JsonRecord): Uint8Array => new TextEncoder().encode(JSON.stringify(value));

/** A base that stores both embeddings, with the config that `change` makes of its own. */
async function baseWith(
  change: (config: JsonRecord) => JsonRecord,
  documents: Record<string, Uint8Array> = {},
): Promise<Directory> {
  await using opened = await tenon.open(fixture("base/llama-small-bf16"));
  const config = encode(change(opened.base?.config ?? {}));
  const tensors = opened.entries.map(({ tensor }) => tensor);
  return await written(tensors, "model.safetensors", { "config.json": config, ...documents });
}

async function adapterWith(name: string, documents: Record<string, Uint8Array>): Promise<Directory> {
  await using opened = await tenon.open(fixture(`merge/${name}/adapter`));
  const config = await opened.readDocument("adapter_config.json");
  const tensors = opened.entries.map(({ tensor }) => tensor);
  return await written(tensors, "adapter_model.safetensors", { "adapter_config.json": config, ...documents });
}

async function mergedConfig(base: Directory, adapter: string): Promise<JsonRecord> {
  const output = memorySink();
  await tenon.merge(base, { adapters: [fixture(`merge/${adapter}/adapter`)], output });
  const bytes = output.files.get("config.json") ?? new Uint8Array();
  return parseJsonRecord(new TextDecoder().decode(bytes), { file: "config.json" });
}

const without = (config: JsonRecord, ...keys: string[]): JsonRecord =>
  Object.fromEntries(Object.entries(config).filter(([key]) => !keys.includes(key)));

describe("the config of a merge into a base that ties what it stores twice", () => {
  const changesHead = "modules-to-save-lm-head";
  const spellings: readonly (readonly [string, (config: JsonRecord) => JsonRecord])[] = [
    ["by its flag", (config) => ({ ...config, tie_word_embeddings: true })],
    ["by leaving the flag out, as transformers does", (config) => without(config, "tie_word_embeddings")],
    [
      "by the flag of its text model",
      (config) => ({ ...without(config, "tie_word_embeddings"), text_config: { tie_word_embeddings: true } }),
    ],
  ];

  it.each(spellings)("unties them where one was changed: %s", async (_, change) => {
    const config = await mergedConfig(await baseWith(change), changesHead);
    const text = config["text_config"] as JsonRecord | undefined;
    expect(text?.["tie_word_embeddings"] ?? config["tie_word_embeddings"]).toBe(false);
  });

  it.each(spellings)("is as it was where neither was: %s", async (_, change) => {
    const base = await baseWith(change);
    await using opened = await tenon.open(await baseWith(change));
    expect(await mergedConfig(base, "linear-r4")).toEqual(opened.base?.config);
  });
});

describe("the config of a merge of a resized vocabulary", () => {
  it("has its size where the base has it, in the text model too", async () => {
    const nested = await baseWith(({ vocab_size, ...config }) => ({
      ...config,
      text_config: { vocab_size: vocab_size ?? 0 },
    }));
    expect((await mergedConfig(nested, "embeddings-resized"))["text_config"]).toEqual({ vocab_size: 68 });
    expect((await mergedConfig(await baseWith((config) => config), "embeddings-resized"))["vocab_size"]).toBe(
      68,
    );
  });
});

describe("files beside the weights of a merge", () => {
  it("are the adapter's where it has its own, saved later than the base's", async () => {
    const text = (what: string): Uint8Array => new TextEncoder().encode(what);
    const own = { "tokenizer.json": text("base"), "generation_config.json": text("base") };
    const base = await baseWith((config) => config, own);
    const adapter = await adapterWith("linear-r4", { "tokenizer.json": text("adapter") });
    const output = memorySink();
    await tenon.merge(base, { adapters: [adapter], output });
    const read = (path: string): string => new TextDecoder().decode(output.files.get(path));
    expect([read("tokenizer.json"), read("generation_config.json")]).toEqual(["adapter", "base"]);
  });
});
