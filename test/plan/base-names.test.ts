import { describe, expect, it } from "vitest";
import type { BaseComponent, Tensor } from "../../src/core/index.ts";
import { overlayBases } from "../../src/plan/base.ts";

const tensor = (name: string): Tensor => ({
  id: name,
  name,
  dtype: "F32",
  shape: [2],
  byteLength: 8,
  file: "f",
  read: () => Promise.resolve(),
});

const baseOf = (...names: string[]): BaseComponent => ({
  tensors: new Map(names.map((name) => [name, tensor(name)])),
  ties: new Map(),
  shards: new Map(),
  isComplete: true,
});

const overlaid =
  (...names: string[]) =>
  (): unknown =>
    overlayBases([
      { label: "below", base: baseOf("a", "b", "c") },
      { label: "stored", base: baseOf(...names) },
    ]);

describe("a name that the base below lacks", () => {
  it("may be left out where the others are known", () => {
    expect(overlaid("a", "b", "extra")).toThrow(
      expect.objectContaining({
        code: "TENON_BASE_NAME_UNKNOWN",
        hint: expect.stringContaining("--drop extra"),
        details: expect.objectContaining({ tensor: "extra", unknown: 1, stored: 3 }),
      }),
    );
  });

  it("says that it is another model where most are not", () => {
    expect(overlaid("a", "y", "z")).toThrow(
      expect.objectContaining({ hint: expect.stringContaining("another model") }),
    );
    expect(overlaid("a", "y", "z")).toThrow("as 2 of the 3 that are stored are not");
    expect(overlaid("x")).toThrow(expect.objectContaining({ hint: expect.stringContaining("--drop x") }));
  });
});
