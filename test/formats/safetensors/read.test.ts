import { open, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { openFile } from "../../../src/bytes/node/index.ts";
import type { Observation } from "../../../src/core/index.ts";
import { safetensors } from "../../../src/formats/index.ts";
import { bytesOf, sourceOf } from "../../contract/format.contract.ts";
import { entry, fileOf } from "./file.ts";

const opened = async (bytes: Uint8Array, report?: (observation: Observation) => void) =>
  safetensors.open(await sourceOf(bytes, "m.safetensors"), report === undefined ? {} : { report });

describe("a safetensors file", () => {
  it("gives its tensors in the order of their data, whatever the order of the header", async () => {
    const header = `{${entry("b", "U8", [2], 2, 4)},"__metadata__":{"format":"pt"},${entry("a", "U8", [2], 0, 2)}}`;
    const { tensors, metadata, format } = await opened(fileOf(header, Uint8Array.of(1, 2, 3, 4)));
    expect({ format, metadata: { ...metadata } }).toEqual({
      format: "safetensors",
      metadata: { format: "pt" },
    });
    expect(tensors.map(({ name }) => name)).toEqual(["a", "b"]);
    expect(await bytesOf(tensors[1] as (typeof tensors)[0])).toEqual(Uint8Array.of(3, 4));
  });

  it("may hold nothing, or tensors without elements", async () => {
    expect((await opened(fileOf("{}"))).tensors).toEqual([]);
    const header = `{${entry("b", "F32", [1], 0, 4)},${entry("a", "F32", [0, 3], 4, 4)},${entry("c", "I64", [0], 0, 0)}}`;
    const { tensors } = await opened(fileOf(header, 4));
    expect(tensors.map(({ name, byteLength }) => [name, byteLength])).toEqual([
      ["c", 0],
      ["b", 4],
      ["a", 0],
    ]);
  });

  it("counts sizes of sub-byte types in bits", async () => {
    const header = `{${entry("a", "F4", [3, 2], 0, 3)},${entry("b", "F6_E2M3", [4], 3, 6)},${entry("c", "F6_E3M2", [8], 6, 12)}}`;
    const { tensors } = await opened(fileOf(header, 12));
    expect(tensors.map(({ dtype, byteLength }) => [dtype, byteLength])).toEqual([
      ["F4", 3],
      ["F6_E2M3", 3],
      ["F6_E3M2", 6],
    ]);
  });

  it("need not be aligned, nor padded", async () => {
    const header = `{${entry("a", "U8", [1], 0, 1)},${entry("b", "F32", [1], 1, 5)}}`;
    expect((await opened(fileOf(`${header}   `, 5))).tensors).toHaveLength(2);
    expect((await opened(fileOf(header, 5))).tensors).toHaveLength(2);
  });

  it("may name a tensor like something that every object has", async () => {
    const header = `{${entry("__proto__", "U8", [1], 0, 1)},${entry("constructor", "U8", [1], 1, 2)},"__metadata__":{"__proto__":"x"}}`;
    const { tensors, metadata } = await opened(fileOf(header, 2));
    expect(tensors.map(({ name }) => name)).toEqual(["__proto__", "constructor"]);
    expect(Object.entries(metadata)).toEqual([["__proto__", "x"]]);
  });

  it("may have null for its metadata, as MLX writes it and the Rust library reads it", async () => {
    const file = fileOf(`{"__metadata__":null,${entry("a", "U8", [2], 0, 2)}}`, Uint8Array.of(5, 6));
    const { tensors, metadata } = await opened(file);
    expect(metadata).toEqual({});
    expect(await bytesOf(tensors[0] as (typeof tensors)[0])).toEqual(Uint8Array.of(5, 6));
  });

  it("is read in two steps when its header is large", async () => {
    const names = Array.from({ length: 3000 }, (_, index) =>
      entry(`layer.${index}`, "U8", [1], index, index + 1),
    );
    const { tensors } = await opened(
      fileOf(
        `{${names.join(",")}}`,
        Uint8Array.from({ length: 3000 }, (_, index) => index % 251),
      ),
    );
    expect(tensors).toHaveLength(3000);
    expect(await bytesOf(tensors[2999] as (typeof tensors)[0])).toEqual(Uint8Array.of(2999 % 251));
  });

  it("tells workers where its bytes lie when it is local", async () => {
    const path = join(tmpdir(), `tenon-extents-${process.pid}.safetensors`);
    const file = await open(path, "w");
    await file.writeFile(
      fileOf(`{${entry("a", "U8", [2], 0, 2)},${entry("b", "U8", [2], 2, 4)}}`, Uint8Array.of(5, 6, 7, 8)),
    );
    await file.close();
    await using source = await openFile(path);
    const [, b] = (await safetensors.open(source)).tensors;
    const [extent] = b?.extents ?? [];
    expect(extent).toMatchObject({ path, byteLength: 2 });
    const at = extent?.byteOffset as number;
    expect([...(await readFile(path)).subarray(at, at + 2)]).toEqual([7, 8]);
    await rm(path);
    expect((await opened(fileOf(`{${entry("a", "U8", [0], 0, 0)}}`))).tensors[0]?.extents).toBeUndefined();
  });
});

describe("damage that can be stepped over", () => {
  const header = `{${entry("a", "U8", [2], 0, 2)},${entry("b", "U8", [2], 2, 4)}}`;

  it("is an error for who reads", async () => {
    await expect(opened(fileOf(header, 3))).rejects.toMatchObject({
      name: "FormatError",
      code: "TENON_SAFETENSORS_TRUNCATED",
      details: { expected: 4, actual: 3, cutOff: 1 },
    });
    await expect(opened(fileOf(header, 9))).rejects.toMatchObject({
      name: "FormatError",
      code: "TENON_SAFETENSORS_TRAILING_BYTES",
      details: { expected: 4, actual: 9 },
    });
  });

  it("is an observation for who diagnoses, who gets all tensors; those cut off cannot be read", async () => {
    const seen: Observation[] = [];
    const { tensors } = await opened(fileOf(header, Uint8Array.of(1, 2, 3)), (found) => seen.push(found));
    expect(seen).toMatchObject([{ code: "TENON_SAFETENSORS_TRUNCATED", names: ["b"], facts: { cutOff: 1 } }]);
    const [a, b] = tensors;
    expect(await bytesOf(a as NonNullable<typeof a>)).toEqual(Uint8Array.of(1, 2));
    await expect(bytesOf(b as NonNullable<typeof b>)).rejects.toMatchObject({ code: "TENON_BYTES_PAST_END" });
  });

  it("is observed for trailing bytes too", async () => {
    const seen: Observation[] = [];
    expect((await opened(fileOf(header, 40), (found) => seen.push(found))).tensors).toHaveLength(2);
    expect(seen).toMatchObject([
      { code: "TENON_SAFETENSORS_TRAILING_BYTES", facts: { expected: 4, actual: 40 } },
    ]);
  });
});

const one = (value: string): string => `{"a":${value}}`;
const two = (first: readonly [number, number], second: readonly [number, number]): string =>
  `{${entry("a", "U8", [first[1] - first[0]], ...first)},${entry("b", "U8", [second[1] - second[0]], ...second)}}`;

describe("a file is refused that", () => {
  it.each<[string, Uint8Array, string, string?]>([
    ["is empty", new Uint8Array(0), "TENON_SAFETENSORS_EMPTY"],
    ["ends inside the header length", new Uint8Array(7), "TENON_SAFETENSORS_TOO_SHORT"],
    ["has no header", fileOf(""), "TENON_SAFETENSORS_BAD_HEADER"],
    ["ends inside the header", fileOf("{}", 0, 3n), "TENON_SAFETENSORS_HEADER_TRUNCATED"],
    [
      "announces a header above the limit",
      fileOf("{}", 0, 100_000_001n),
      "TENON_SAFETENSORS_HEADER_TOO_LARGE",
    ],
    [
      "announces a header of 2^64 - 1 bytes",
      fileOf("{}", 0, 2n ** 64n - 1n),
      "TENON_SAFETENSORS_HEADER_TOO_LARGE",
    ],
    ["has a space before its header", fileOf(" {}"), "TENON_SAFETENSORS_BAD_HEADER"],
    ["has a byte order mark", fileOf("\ufeff{}"), "TENON_SAFETENSORS_BAD_HEADER"],
    [
      "has a header that is not UTF-8",
      fileOf(Uint8Array.of(0x7b, 0x22, 0xff, 0x22, 0x7d)),
      "TENON_SAFETENSORS_BAD_HEADER",
    ],
    ["has a header that is not JSON", fileOf("{a:1}"), "TENON_JSON_SYNTAX"],
    ["has text after its header", fileOf("{}x"), "TENON_JSON_SYNTAX"],
    ["nests deeper than headers do", fileOf(one("[[[[[[]]]]]]")), "TENON_JSON_TOO_DEEP"],
    [
      "names a tensor twice",
      fileOf(`{${entry("a", "U8", [0], 0, 0)},${entry("a", "U8", [0], 0, 0)}}`),
      "TENON_JSON_DUPLICATE_KEY",
    ],
    [
      "names a tensor twice, once in disguise",
      fileOf(`{${entry("a", "U8", [0], 0, 0)},"\\u0061":{}}`),
      "TENON_JSON_DUPLICATE_KEY",
    ],
    [
      "has half a character in a name",
      fileOf('{"\\ud800":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}}'),
      "TENON_SAFETENSORS_BAD_NAME",
    ],
    ["has metadata that is a list", fileOf('{"__metadata__":[]}'), "TENON_SAFETENSORS_BAD_METADATA"],
    ["has metadata that is a number", fileOf('{"__metadata__":{"a":1}}'), "TENON_SAFETENSORS_BAD_METADATA"],
    ["describes a tensor by a list", fileOf(one("[]")), "TENON_SAFETENSORS_BAD_ENTRY"],
    [
      "has a key nobody knows",
      fileOf(one('{"dtype":"U8","shape":[0],"data_offsets":[0,0],"scale":2}')),
      "TENON_SAFETENSORS_BAD_ENTRY",
    ],
    ["has no shape", fileOf(one('{"dtype":"U8","data_offsets":[0,0]}')), "TENON_SAFETENSORS_BAD_ENTRY"],
    [
      "has a negative size",
      fileOf(one('{"dtype":"U8","shape":[-1],"data_offsets":[0,0]}')),
      "TENON_SAFETENSORS_BAD_ENTRY",
    ],
    [
      "has a broken size",
      fileOf(one('{"dtype":"U8","shape":[1.5],"data_offsets":[0,0]}')),
      "TENON_SAFETENSORS_BAD_ENTRY",
    ],
    [
      "has an unknown dtype",
      fileOf(one('{"dtype":"F7","shape":[0],"data_offsets":[0,0]}')),
      "TENON_SAFETENSORS_UNKNOWN_DTYPE",
      "UnsupportedError",
    ],
    [
      "has no dtype",
      fileOf(one('{"shape":[0],"data_offsets":[0,0]}')),
      "TENON_SAFETENSORS_UNKNOWN_DTYPE",
      "UnsupportedError",
    ],
    [
      "has a dtype that every object has",
      fileOf(one('{"dtype":"toString","shape":[0],"data_offsets":[0,0]}')),
      "TENON_SAFETENSORS_UNKNOWN_DTYPE",
      "UnsupportedError",
    ],
    ["has no offsets", fileOf(one('{"dtype":"U8","shape":[0]}')), "TENON_SAFETENSORS_BAD_OFFSETS"],
    [
      "has three offsets",
      fileOf(one('{"dtype":"U8","shape":[0],"data_offsets":[0,0,0]}')),
      "TENON_SAFETENSORS_BAD_OFFSETS",
    ],
    [
      "has offsets that run backwards",
      fileOf(one('{"dtype":"U8","shape":[0],"data_offsets":[1,0]}')),
      "TENON_SAFETENSORS_BAD_OFFSETS",
    ],
    [
      "has an offset past 2^53",
      fileOf(one('{"dtype":"U8","shape":[0],"data_offsets":[9007199254740993,9007199254740993]}')),
      "TENON_SAFETENSORS_BAD_OFFSETS",
    ],
    [
      "has fewer bytes than its shape",
      fileOf(`{${entry("a", "F32", [2], 0, 7)}}`, 7),
      "TENON_SAFETENSORS_SIZE_MISMATCH",
    ],
    [
      "has more bytes than its shape",
      fileOf(`{${entry("a", "F32", [2], 0, 9)}}`, 9),
      "TENON_SAFETENSORS_SIZE_MISMATCH",
    ],
    ["has half a byte", fileOf(`{${entry("a", "F4", [3], 0, 2)}}`, 2), "TENON_TENSOR_BAD_SHAPE"],
    [
      "has more elements than can be counted",
      fileOf(one('{"dtype":"U8","shape":[4294967296,4294967296],"data_offsets":[0,0]}')),
      "TENON_TENSOR_TOO_LARGE",
    ],
    [
      "has more bits than can be counted",
      fileOf(one('{"dtype":"F64","shape":[4503599627370496],"data_offsets":[0,0]}')),
      "TENON_TENSOR_TOO_LARGE",
    ],
    [
      "has a gap before the first tensor",
      fileOf(`{${entry("a", "U8", [2], 1, 3)}}`, 3),
      "TENON_SAFETENSORS_OFFSETS_GAP",
    ],
    ["has a gap between tensors", fileOf(two([0, 2], [3, 4]), 4), "TENON_SAFETENSORS_OFFSETS_GAP"],
    ["has tensors that overlap", fileOf(two([0, 2], [1, 4]), 4), "TENON_SAFETENSORS_OFFSETS_OVERLAP"],
    ["has two tensors in one place", fileOf(two([0, 2], [0, 2]), 2), "TENON_SAFETENSORS_OFFSETS_OVERLAP"],
  ])("%s", async (_, bytes, code, name = "FormatError") => {
    await expect(opened(bytes)).rejects.toMatchObject({
      name,
      code,
      message: expect.stringMatching(/\(m\.safetensors\)$/),
    });
  });
});
