import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { type Draft, parseJsonRecord } from "../../src/core/index.ts";
import { arrangeHf } from "../../src/layouts/hf/write.ts";
import { kept } from "../contract/layout.contract.ts";

const draft = (names: readonly string[], shards?: ReadonlyMap<string, readonly string[]>): Draft => ({
  base: {
    tensors: new Map(names.map((name) => [name, kept(name, [2, 4])])),
    isComplete: true,
    ties: new Map(),
    ...(shards && { shards }),
  },
  adapters: [],
  companions: [],
  origin: {},
});

const filesOf = (of: Draft, maxShardBytes?: number): Record<string, readonly string[]> =>
  Object.fromEntries(
    arrangeHf(of, maxShardBytes === undefined ? {} : { maxShardBytes }).map((file) => [
      file.path,
      file.kind === "tensors" ? file.entries.map(({ name }) => name) : [],
    ]),
  );

describe("writing a transformers directory", () => {
  it("makes one file of a small model", () => {
    expect(filesOf(draft(["b", "a"]))).toEqual({ "model.safetensors": ["b", "a"] });
  });

  it("starts a new file before the tensor that would overflow it, and gives a huge one its own", () => {
    // 32 bytes a tensor.
    expect(filesOf(draft(["a", "b", "c"]), 64)).toEqual({
      "model-00001-of-00002.safetensors": ["a", "b"],
      "model-00002-of-00002.safetensors": ["c"],
      "model.safetensors.index.json": [],
    });
    expect(Object.keys(filesOf(draft(["a", "b"]), 31))).toHaveLength(3);
  });

  it("keeps the files of the source, under the names of transformers", () => {
    const shards = new Map([
      ["pytorch_model-00002-of-00003.bin", ["c", "gone"]],
      ["pytorch_model-00001-of-00003.bin", ["b", "a"]],
      ["pytorch_model-00003-of-00003.bin", ["gone too"]],
    ]);
    expect(filesOf(draft(["a", "b", "c", "new"], shards))).toEqual({
      "model-00001-of-00002.safetensors": ["b", "a"],
      "model-00002-of-00002.safetensors": ["c", "new"],
      "model.safetensors.index.json": [],
    });
  });

  it("writes the index that transformers wrote for the same tensors", () => {
    const directory = new URL("../fixtures/base/llama-bf16/", import.meta.url);
    const text = readFileSync(new URL("model.safetensors.index.json", directory), "utf8");
    const map = parseJsonRecord(text, { file: "index" })["weight_map"] as Record<string, string>;
    const shards = new Map<string, string[]>();
    for (const [name, file] of Object.entries(map)) shards.set(file, [...(shards.get(file) ?? []), name]);
    const config = JSON.parse(readFileSync(new URL("config.json", directory), "utf8"));
    const { hidden_size: hidden, intermediate_size: inner, vocab_size: vocabulary } = config;
    const shapeOf = (name: string): number[] => {
      if (/norm/.test(name)) return [hidden];
      if (/embed_tokens|lm_head/.test(name)) return [vocabulary, hidden];
      if (/down_proj/.test(name)) return [hidden, inner];
      if (/gate_proj|up_proj/.test(name)) return [inner, hidden];
      return [/k_proj|v_proj/.test(name) ? config.num_key_value_heads * config.head_dim : hidden, hidden];
    };
    const tensors = new Map(Object.keys(map).map((name) => [name, kept(name, shapeOf(name), "BF16")]));
    const files = arrangeHf({ ...draft([], shards), base: { ...draft([], shards).base!, tensors } }, {});
    const index = files.find(({ path }) => path === "model.safetensors.index.json");
    expect(index?.kind === "text" && index.text).toBe(text);
  });

  it("refuses adapters and half a base, and says what to do", () => {
    const whole = draft(["a"]);
    const adapter = { name: "default", config: {}, parameters: [] };
    expect(() => arrangeHf({ ...whole, adapters: [adapter] }, {})).toThrow(/holds no adapters.*default/);
    expect(() => arrangeHf({ ...whole, base: { ...whole.base!, isComplete: false } }, {})).toThrow(
      /whole base/,
    );
  });
});
