import { describe, expect, it } from "vitest";
import { openTorch } from "../../../src/formats/index.ts";
import { bytesOf, sourceOf } from "../../contract/format.contract.ts";
import { type Code, int, list, none, record, str, tuple } from "../../pickle/assemble.ts";
import { f32, legacy, legacyStorage, messageOf, tensor } from "./archive.ts";

describe("legacy files", () => {
  const weight = (key: string, numel: number): Code =>
    tensor({ storage: legacyStorage("FloatStorage", key, numel), size: [numel], stride: [1] });
  const storages = [
    { key: "94", bytes: f32(1, 2), elementBytes: 4 },
    { key: "12", bytes: f32(3), elementBytes: 4 },
  ];

  it("have their storages in the order of the key list", async () => {
    const { tensors } = await openTorch(
      await sourceOf(legacy({ object: record({ b: weight("12", 1), a: weight("94", 2) }), storages })),
    );
    expect(await bytesOf(tensors[0]!)).toEqual(f32(3));
    expect(await bytesOf(tensors[1]!)).toEqual(f32(1, 2));
  });

  it("may have storages that are views of others", async () => {
    const part = legacyStorage("FloatStorage", "94", 2, tuple(str("5"), int(1), int(1)));
    const object = record({ w: tensor({ storage: part, size: [1], stride: [1] }) });
    const { tensors } = await openTorch(await sourceOf(legacy({ object, storages: storages.slice(0, 1) })));
    expect(await bytesOf(tensors[0]!)).toEqual(f32(2));
    const outside = legacyStorage("FloatStorage", "94", 2, tuple(str("5"), int(2), int(1)));
    const opening = openTorch(
      await sourceOf(
        legacy({
          object: record({ w: tensor({ storage: outside, size: [1], stride: [1] }) }),
          storages: storages.slice(0, 1),
        }),
      ),
    );
    expect(await messageOf(opening)).toContain("view outside");
  });

  it("with pickles longer than the first read are read on", async () => {
    const filler = list(...Array.from({ length: 300 }, (_, at) => str(`${at}`.padEnd(2000, "x"))));
    const file = legacy({ object: record({ filler, a: weight("94", 2), b: weight("12", 1) }), storages });
    expect(file.length).toBeGreaterThan(600_000);
    expect((await openTorch(await sourceOf(file))).tensors).toHaveLength(2);
  });

  it.each([
    ["another protocol", { protocol: 1002 }, "TENON_TORCH_VERSION"],
    ["no system information", { system: none }, "no system information"],
    ["a list of other keys", { keys: list(str("94"), str("13")) }, "which no tensor has"],
    ["a key twice", { keys: list(str("94"), str("94")) }, "twice"],
    ["a missing key", { keys: list(str("94")) }, "lacks storage 12"],
    ["no list", { keys: none }, "no list of storages"],
  ] as [string, object, string][])("with %s are refused", async (_what, change, says) => {
    const file = legacy({ object: record({ a: weight("94", 2), b: weight("12", 1) }), storages, ...change });
    expect(await messageOf(openTorch(await sourceOf(file)))).toContain(says);
  });

  it("whose counts are not those of the tensors are refused", async () => {
    const wrong = [{ key: "94", bytes: f32(1, 2, 3), elementBytes: 4 }];
    expect(
      await messageOf(
        openTorch(await sourceOf(legacy({ object: record({ a: weight("94", 2) }), storages: wrong }))),
      ),
    ).toContain("gives storage 94 3 elements of 4 bytes");
  });
});

describe("other files", () => {
  it("that torch wrote or might have are refused by name", async () => {
    const tar = new Uint8Array(1024);
    tar.set(new TextEncoder().encode("ustar"), 257);
    expect(await messageOf(openTorch(await sourceOf(tar)))).toContain("tar archive as torch before 0.1.10");
    expect(await messageOf(openTorch(await sourceOf(Uint8Array.of(0x80, 2, 0x4e, 0x2e))))).toContain(
      "TENON_TORCH_PLAIN_PICKLE",
    );
    expect(await messageOf(openTorch(await sourceOf(Uint8Array.of(1, 2, 3))))).toContain(
      "TENON_TORCH_NOT_TORCH",
    );
  });
});
