import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { crc32, crc32After } from "../../../src/bytes/index.ts";
import { localTree } from "../../../src/bytes/node/index.ts";
import type { DType, Tensor } from "../../../src/core/index.ts";
import {
  archiveExtents,
  openTorch,
  TensorPlace,
  torch,
  verifyChecksums,
} from "../../../src/formats/index.ts";
import { PickleMap, PickleTuple, type PickleValue } from "../../../src/pickle/index.ts";
import { assemble, bytesOf, sourceOf } from "../../contract/format.contract.ts";
import { fixturePath } from "../../layouts/fixtures.ts";

const layOut = torch.layOut as NonNullable<typeof torch.layOut>;

const element = (dtype: DType, shape: readonly number[] = [2, 3], name = "a") => ({ name, dtype, shape });

describe("a torch.save file that is written", () => {
  it("is the one that torch writes, byte for byte, up to its serialization id", async () => {
    const path = "torch/written/state.pt";
    const file = new Uint8Array(readFileSync(fixturePath(path)));
    const tree = await localTree(fixturePath("torch/written"));
    const { tensors } = await openTorch(await tree.open("state.pt"));
    const data = new Map<string, Uint8Array>();
    for (const tensor of tensors) data.set(tensor.name, await bytesOf(tensor));
    await tree.close();
    const entries = tensors.filter(({ name }) => name !== "tied");
    const layout = layOut(entries, {}, { aliases: new Map([["tied", "f32"]]) });
    const made = assemble(layout, (name) => data.get(name) as Uint8Array);
    const view = new DataView(made.buffer);
    // torch's directory has one member more, which stands last.
    const directory = Number(view.getBigUint64(made.length - 98 + 48, true));
    expect(Buffer.compare(made.subarray(0, directory), file.subarray(0, directory))).toBe(0);
    const size = made.length - 98 - directory;
    const theirs = Buffer.from(file).indexOf("PK\x01\x02", 0, "latin1");
    expect(
      Buffer.compare(made.subarray(directory, directory + size), file.subarray(theirs, theirs + size)),
    ).toBe(0);
  });

  it("has the checksum of every member, and data that starts at multiples of 64", async () => {
    const entries = [
      element("BF16", [7, 5], "b"),
      element("F32", [], "scalar"),
      element("I64", [0, 4], "empty"),
    ];
    const layout = layOut(entries, {});
    const bytes = assemble(layout, (name, length) => new Uint8Array(length).fill(name.length));
    expect(layout.tensors.every(({ byteOffset }) => byteOffset % 64 === 0)).toBe(true);
    expect(await verifyChecksums(await sourceOf(bytes))).toEqual({ checkedMembers: 8, problems: [] });
    bytes[layout.tensors[0]?.byteOffset ?? 0] = 99;
    const { problems } = await verifyChecksums(await sourceOf(bytes));
    expect(problems.map(({ member }) => member)).toEqual(["archive/data/0"]);
  });

  it("refuses names and types that torch has not, and metadata", () => {
    const refused = [
      [() => layOut([element("F32", [1], "\ud800")], {}), "TENON_TORCH_NAME_UNWRITABLE"],
      [() => layOut([element("F32"), element("F32")], {}), "TENON_TORCH_NAME_TWICE"],
      [() => layOut([element("F4", [2, 4])], {}), "TENON_TORCH_DTYPE_UNWRITABLE"],
      [() => layOut([element("F32")], { format: "pt" }), "TENON_TORCH_METADATA"],
    ] as const;
    for (const [run, code] of refused) expect(run).toThrow(expect.objectContaining({ code }));
  });
});

describe("an object that is written", () => {
  const fill = (name: string, length: number) => new Uint8Array(length).fill(name.charCodeAt(0));

  it("has its tensors where their places were, and each place of one tensor shares its storage", async () => {
    const state = new PickleMap();
    state.set("a", new TensorPlace("a"));
    const object = new PickleMap();
    object.set("step", 3);
    object.set("list", [new TensorPlace("b"), state, new TensorPlace("b")]);
    const entries = [element("F32", [2], "a"), element("BF16", [3], "b")];
    const bytes = assemble(layOut(entries, {}, { objects: [object] }), fill);
    const { object: read } = await openTorch(await sourceOf(bytes));
    expect((read as PickleMap).get("step")).toBe(3);
    const [first, inner, second] = (read as PickleMap).get("list") as PickleValue[];
    expect((first as unknown as Tensor).storage).toBe((second as unknown as Tensor).storage);
    expect(await bytesOf((inner as PickleMap).get("a") as unknown as Tensor)).toEqual(fill("a", 8));
    expect(await bytesOf(first as unknown as Tensor)).toEqual(fill("b", 6));
    expect((await verifyChecksums(await sourceOf(bytes))).problems).toEqual([]);
  });

  it("is one archive after another when there are several", async () => {
    const objects = [new TensorPlace("a"), PickleTuple.ofValues([1, 2]), new TensorPlace("b")];
    const entries = [element("F32", [2], "a"), element("I64", [], "b")];
    const bytes = assemble(layOut(entries, {}, { objects }), fill);
    const extents = archiveExtents(entries, objects);
    expect(extents.reduce((sum, { byteLength }) => sum + byteLength, 0)).toBe(bytes.length);
    const source = await sourceOf(bytes);
    const read = await Promise.all(
      extents.map((extent) => openTorch(source, extent).then((file) => file.object as PickleValue)),
    );
    expect(await bytesOf(read[0] as unknown as Tensor)).toEqual(fill("a", 8));
    expect(read[1]).toEqual(PickleTuple.ofValues([1, 2]));
    expect(await bytesOf(read[2] as unknown as Tensor)).toEqual(fill("b", 8));
    for (const { byteOffset, byteLength } of extents) {
      const archive = await sourceOf(bytes.slice(byteOffset, byteOffset + byteLength));
      expect((await verifyChecksums(archive)).problems).toEqual([]);
    }
  });

  it("is refused when a tensor has no place, or a place no tensor", () => {
    expect(() => layOut([element("F32")], {}, { objects: [1] })).toThrow(/no object has a place for a/);
    expect(() => layOut([], {}, { objects: [new TensorPlace("a")] })).toThrow(/not among the entries/);
  });
});

describe("a CRC-32 in parts", () => {
  it("is the XOR of what the parts add, whatever their lengths and order", () => {
    const bytes = Uint8Array.from({ length: 100_003 }, (_, at) => (at * 31 + (at >>> 5)) % 256);
    for (const cuts of [[1], [8, 9, 4096], [0, 65_536, 100_002], []]) {
      const ends = [...cuts, bytes.length];
      let start = 0;
      const parts = ends.map((end) => {
        const part = crc32After(crc32(bytes.subarray(start, end)), bytes.length - end);
        start = end;
        return part;
      });
      expect(parts.reverse().reduce((sum, part) => (sum ^ part) >>> 0, 0)).toBe(crc32(bytes));
    }
  });
});
