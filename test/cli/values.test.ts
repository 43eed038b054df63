import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { bytesText, countText, secondsText } from "../../src/cli/amounts.ts";
import { nearest } from "../../src/cli/nearest.ts";
import { parseCount, parseNumber, parseSize, parseWeighted } from "../../src/cli/values.ts";

const wrong = { code: "TENON_OPTION_VALUE", exitCode: 2 };

describe("a size", () => {
  it.each([
    ["4096", 4096],
    ["1B", 1],
    ["5kB", 5000],
    ["5GB", 5e9],
    ["2TB", 2e12],
    ["512MiB", 512 * 1024 * 1024],
    ["1 KiB", 1024],
    ["1.5GiB", 1.5 * 2 ** 30],
    ["0.0015MB", 1500],
  ])("%s is %d bytes", (text, bytes) => {
    expect(parseSize(text, "memory")).toBe(bytes);
  });

  it.each([
    "",
    "0",
    "-1",
    "GB",
    "5XB",
    "5gb",
    "5mib",
    "1e3",
    "0.1B",
    "12 34",
    "0x10",
    "9999999TB",
    "Infinity",
  ])("%j is refused with what is allowed", (text) => {
    expect(() => parseSize(text, "memory")).toThrow(expect.objectContaining(wrong));
    expect(() => parseSize(text, "memory")).toThrow(
      /^--memory: .* is not allowed; it takes a number of bytes/,
    );
  });

  it("reads back what the units say, whatever the number", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 9000 }), fc.constantFrom("kB", "MB", "GB"), (count, unit) => {
        const power = { kB: 1e3, MB: 1e6, GB: 1e9 }[unit] ?? 0;
        expect(parseSize(`${count}${unit}`, "memory")).toBe(count * power);
      }),
    );
  });
});

describe("numbers of flags", () => {
  it("are whole and at least 1 where things are counted", () => {
    expect(parseCount("8", "threads")).toBe(8);
    for (const text of ["0", "-1", "1.5", "1e2", "two", "", " 3"])
      expect(() => parseCount(text, "threads")).toThrow(expect.objectContaining(wrong));
  });

  it("may be negative or fractional where they are amounts", () => {
    expect(["16", "-0.5", "+2", ".5", "1e-3"].map((text) => parseNumber(text, "alpha"))).toEqual([
      16, -0.5, 2, 0.5, 0.001,
    ]);
    for (const text of ["", "x", "1,5", "NaN", "Infinity", "1e999", "0x10"])
      expect(() => parseNumber(text, "alpha")).toThrow(expect.objectContaining(wrong));
  });

  it("stand behind the last = of an adapter's name", () => {
    expect(parseWeighted("default", "adapter")).toEqual({ name: "default" });
    expect(parseWeighted("second=-0.5", "adapter")).toEqual({ name: "second", weight: -0.5 });
    expect(parseWeighted("a=b=2", "adapter")).toEqual({ name: "a=b", weight: 2 });
    for (const text of ["=1", "a=", "a=b"])
      expect(() => parseWeighted(text, "adapter")).toThrow(expect.objectContaining(wrong));
  });
});

describe("what was probably meant", () => {
  const verbs = ["inspect", "doctor", "split", "merge", "convert", "diff", "verify"];
  it.each([
    ["inspct", "inspect"],
    ["mrege", "merge"],
    ["docter", "doctor"],
    ["verfiy", "verify"],
    ["conv", "convert"],
  ])("%s is %s", (word, name) => {
    expect(nearest(word, verbs)).toBe(name);
  });

  it.each(["bananas", "x", "", "m".repeat(10_000)])("%j is nothing in particular", (word) => {
    expect(nearest(word, verbs)).toBeUndefined();
  });
});

describe("amounts", () => {
  it("have three digits that count", () => {
    expect([0, 999, 999.6, 1000, 4_370_000_000, 99_960_000, 812e9, 9.996e6].map(bytesText)).toEqual([
      "0 B", "999 B", "1.00 kB", "1.00 kB", "4.37 GB", "100 MB", "812 GB", "10.0 MB",
    ]); // biome-ignore format: one list
    expect([9999, 10_000, 8_030_261_248].map(countText)).toEqual(["9999", "10.0 k", "8.03 B"]);
  });

  it("of time have the unit that fits", () => {
    expect([0, 9.96, 59.4, 59.6, 185, 7800].map(secondsText)).toEqual([
      "0.0 s", "10 s", "59 s", "1 min 00 s", "3 min 05 s", "2 h 10 min",
    ]); // biome-ignore format: one list
  });
});
