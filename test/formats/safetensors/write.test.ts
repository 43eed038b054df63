import { readdirSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { describe, expect, it } from "vitest";
import type { DType } from "../../../src/core/index.ts";
import { type FileLayout, safetensors } from "../../../src/formats/index.ts";
import { assemble, bytesOf, sourceOf } from "../../contract/format.contract.ts";

const layOut = safetensors.layOut as NonNullable<typeof safetensors.layOut>;
const headerOf = ({ fixed }: FileLayout): string => new TextDecoder().decode(fixed[0]?.bytes.subarray(8));
const scalars = (...names: readonly string[]) =>
  names.map((name) => ({ name, dtype: "U8" as DType, shape: [] }));
const orderOf = (...names: readonly string[]): string[] =>
  layOut(scalars(...names), {}).tensors.map(({ name }) => name);

describe("the written file", () => {
  it("has these bytes", () => {
    const layout = layOut(
      [
        { name: "a", dtype: "BF16", shape: [2] },
        { name: "b", dtype: "F32", shape: [1, 1] },
      ],
      { format: "pt" },
    );
    const header =
      '{"__metadata__":{"format":"pt"},"b":{"dtype":"F32","shape":[1,1],"data_offsets":[0,4]},"a":{"dtype":"BF16","shape":[2],"data_offsets":[4,8]}}';
    const padded = header.padEnd(144, " ");
    expect(headerOf(layout)).toBe(padded);
    expect([...(layout.fixed[0]?.bytes.subarray(0, 8) ?? [])]).toEqual([144, 0, 0, 0, 0, 0, 0, 0]);
    expect(layout.tensors).toEqual([
      { name: "b", byteOffset: 152, byteLength: 4 },
      { name: "a", byteOffset: 156, byteLength: 4 },
    ]);
    expect(layout.byteLength).toBe(160);
  });

  it("has the widest types first, in the order of the reference writer's enum", () => {
    const types: DType[] = ["BOOL", "F16", "BF16", "F32", "I64", "F4", "F8_E4M3"];
    const entries = types.map((dtype) => ({ name: dtype, dtype, shape: [8] }));
    expect(layOut(entries, {}).tensors.map(({ name }) => name)).toEqual([
      "I64",
      "F32",
      "BF16",
      "F16",
      "F8_E4M3",
      "F4",
      "BOOL",
    ]);
  });

  it("has names in the order of their UTF-8 bytes, which is not that of numbers nor of UTF-16", () => {
    expect(orderOf("layers.2", "layers.10", "layers", "Layers")).toEqual([
      "Layers",
      "layers",
      "layers.10",
      "layers.2",
    ]);
    expect(orderOf("\u{10000}", "\uffff", "a", "\u00e9")).toEqual(["a", "\u00e9", "\uffff", "\u{10000}"]);
  });

  it("escapes names and metadata as serde_json does", () => {
    const name = '"\\/\b\f\n\r\t\u0001\u001f\u007f\u2028é漢\u{1f600}';
    const escaped = '"\\"\\\\/\\b\\f\\n\\r\\t\\u0001\\u001f\u007f\u2028é漢\u{1f600}"';
    const header = headerOf(layOut(scalars(name), { [name]: name }));
    expect(header).toContain(`{"__metadata__":{${escaped}:${escaped}},${escaped}:{"dtype"`);
  });

  it("has no metadata when there is none, and keeps the order of what there is", () => {
    expect(headerOf(layOut([], {}))).toBe("{}      ");
    expect(headerOf(layOut([], { b: "1", a: "2" }))).toContain('{"b":"1","a":"2"}');
  });

  it.each([
    ["two tensors of one name", scalars("a", "a"), {}, "TENON_SAFETENSORS_NAME_TWICE"],
    ["a tensor named like the metadata", scalars("__metadata__"), {}, "TENON_SAFETENSORS_NAME_UNWRITABLE"],
    ["half a character in a name", scalars("\ud800"), {}, "TENON_SAFETENSORS_NAME_UNWRITABLE"],
    ["half a character in the metadata", [], { a: "\udc00" }, "TENON_SAFETENSORS_NAME_UNWRITABLE"],
    ["a header above the limit", [], { a: "x".repeat(100_000_000) }, "TENON_SAFETENSORS_HEADER_UNWRITABLE"],
  ])("refuses %s", (_, entries, metadata, code) => {
    expect(() => layOut(entries, metadata as Record<string, string>)).toThrow(
      expect.objectContaining({ name: "PlanError", code }),
    );
  });

  it("refuses elements that do not fill whole bytes", () => {
    expect(() => layOut([{ name: "a", dtype: "F4", shape: [3] }], {})).toThrow(
      expect.objectContaining({ code: "TENON_TENSOR_BAD_SHAPE" }),
    );
  });
});

describe("a file of the reference writer, read and written again, is the same", () => {
  const fixtures = readdirSync("test/fixtures", { recursive: true, encoding: "utf8" })
    .filter((path) => path.endsWith(".safetensors"))
    // Each of these four directories has one shard broken on purpose, the second; the first is as it was written.
    .filter((path) => !/^damaged\/shard-(empty|half-header|trailing|truncated)\/.*00002-of-00002/.test(path))
    // Written by torch's own HuggingFaceStorageWriter, which has an order of its own.
    .filter((path) => !path.startsWith("dcp/hf-"))
    // Written by MLX, whose keys are sorted.
    .filter((path) => !path.startsWith("mlx/"))
    .map((path) => `test/fixtures/${path}`)
    .sort();
  it("and there are some", () => expect(fixtures.length).toBeGreaterThan(5));

  it.each(fixtures)("%s", async (path) => {
    const original = new Uint8Array(await readFile(path));
    const { tensors, metadata } = await safetensors.open(await sourceOf(original));
    const contents = new Map<string, Uint8Array>();
    for (const tensor of tensors) contents.set(tensor.name, await bytesOf(tensor));
    const again = assemble(
      layOut(tensors.toReversed(), metadata),
      (name) => contents.get(name) as Uint8Array,
    );
    expect(Buffer.compare(again, original)).toBe(0);
  });
});
