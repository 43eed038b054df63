import { describe, expect, it } from "vitest";
import { gather, page, sightingsIn } from "../../scripts/errors-reference.ts";
import { excusedCodes, untestedCodes } from "../../scripts/untested-codes.ts";

const entry = { meaning: "It is wrong.", remedy: "Put it right." };

describe("the reference of errors", () => {
  it("knows a code by the class beside it, over lines too", () => {
    const text =
      'throw new FormatError(\n  "TENON_A_B", `x`);\nnew PlanError("TENON_C", "y"); fail("TENON_D");';
    expect(sightingsIn("a.ts", text)).toEqual([
      { code: "TENON_A_B", class: "FormatError", path: "a.ts" },
      { code: "TENON_C", class: "PlanError", path: "a.ts" },
      { code: "TENON_D", class: undefined, path: "a.ts" },
    ]);
  });

  it("refuses a code without an entry, an entry without a code, and a code of two classes", () => {
    const sightings = sightingsIn(
      "a.ts",
      'new FormatError("TENON_TWICE"); new PlanError("TENON_TWICE"); new PlanError("TENON_NEW")',
    );
    const { problems } = gather(sightings, { TENON_TWICE: entry, TENON_GONE: entry });
    expect(problems).toEqual([
      "TENON_TWICE is thrown as FormatError and PlanError",
      "TENON_NEW (a.ts) has no entry in docs/reference/errors.json",
      "docs/reference/errors.json explains TENON_GONE, which src/ does not mention",
    ]);
  });

  it("asks for the class of a code that a function of its own throws, unless it is a finding", () => {
    const sightings = sightingsIn("a.ts", 'refuse("TENON_X")');
    expect(gather(sightings, {}, new Set()).problems).toHaveLength(1);
    expect(gather(sightings, { TENON_X: entry }, new Set()).problems).toHaveLength(1);
    expect(gather(sightings, {}, new Set(["TENON_X"])).problems).toEqual([]);
    const { known, problems } = gather(sightings, { TENON_X: { ...entry, class: "FormatError" } });
    expect(problems).toEqual([]);
    expect(page(known, { TENON_X: entry })).toContain("| `TENON_X` | It is wrong. | Put it right. |");
  });
});

describe("every error code", () => {
  const untested = untestedCodes();
  const excused = excusedCodes();

  it("is asserted by a test, but for those excused in untested-codes.json, which only shrinks", () => {
    expect(untested.filter((code) => !excused.includes(code))).toEqual([]);
  });

  it("leaves the list of excuses once a test asserts it (npm run docs takes it off)", () => {
    expect(excused.filter((code) => !untested.includes(code))).toEqual([]);
  });
});
