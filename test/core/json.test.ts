import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { isTenonError, parseJson, parseJsonRecord } from "../../src/core/index.ts";

const file = { file: "a.json" };
const read = (text: string, options = {}) => parseJson(text, { ...file, ...options });
const native = (text: string): unknown => {
  try {
    return JSON.parse(JSON.stringify(JSON.parse(text))) as unknown; // -0 becomes 0 on both sides
  } catch {
    return "refused";
  }
};
const ours = (text: string): unknown => {
  try {
    return JSON.parse(JSON.stringify(read(text))) as unknown;
  } catch (error) {
    if (!isTenonError(error)) throw error;
    return "refused";
  }
};

describe("json", () => {
  it("reads what JSON.parse reads, compact or spaced", () => {
    fc.assert(
      fc.property(fc.json({ depthSize: "medium" }), fc.constantFrom("", " ", "\t"), (text, indent) => {
        const spaced = JSON.stringify(JSON.parse(text), null, indent);
        expect(ours(spaced)).toEqual(JSON.parse(text));
      }),
    );
  });

  it("refuses what JSON.parse refuses", () => {
    const piece = fc.constantFrom(
      "{", "}", "[", "]", ",", ":", '"', '"a"', '"b"', "0", "-1", "01", "1.5", "1.", ".5", "1e3", "1e", "+1", "-", "true",
      "null", "nul", " ", "\n", "\\", '"\\u00e9"', '"\\x"', '"\n"', "12345678901234567890", "\u00a0", "x",
    ); // biome-ignore format: pieces of JSON
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 9 }), (pieces) => {
        const text = pieces.join("");
        // Both keys of one name: ours to refuse.
        fc.pre(!/"([ab])":.*"\1":/s.test(text));
        expect(ours(text)).toEqual(native(text));
      }),
      { numRuns: 5000 },
    );
  });

  it.each([
    ["0", 0],
    ["-0", -0],
    ["999999999999999", 999999999999999],
    ["9007199254740991", 9007199254740991],
    ["9007199254740993", 9007199254740992],
    ["1e2", 100],
    ["1E2", 100],
    ["10.50", 10.5],
  ])("reads the number %s", (text, value) => expect(read(text)).toBe(value));

  it("gives records without a prototype, where every key is an ordinary one", () => {
    const record = parseJsonRecord('{"__proto__":{"a":1},"constructor":2}', file);
    expect(Object.getPrototypeOf(record)).toBeNull();
    expect(Object.entries(record).map(([key]) => key)).toEqual(["__proto__", "constructor"]);
  });

  it.each([
    ['{"a":1,"a":2}', "TENON_JSON_DUPLICATE_KEY"],
    ['{"a":1,"\\u0061":2}', "TENON_JSON_DUPLICATE_KEY"],
    ['{"__proto__":1,"__proto__":2}', "TENON_JSON_DUPLICATE_KEY"],
    [`${"[".repeat(66)}${"]".repeat(66)}`, "TENON_JSON_TOO_DEEP"],
    ["[".repeat(1_000_000), "TENON_JSON_TOO_DEEP"],
    ["NaN", "TENON_JSON_SYNTAX"],
    ['{"a":-Infinity}', "TENON_JSON_SYNTAX"],
    ["[]", "TENON_JSON_NOT_AN_OBJECT"],
  ])("refuses %.40s", (text, code) => {
    expect(() => parseJsonRecord(text, file)).toThrow(expect.objectContaining({ name: "FormatError", code }));
  });

  it("reads strings of a million escapes, and refuses them without an end", () => {
    expect(read(`"${"\\n".repeat(1_000_000)}"`)).toBe("\n".repeat(1_000_000));
    expect(() => read(`"${"\\n".repeat(1_000_000)}`)).toThrow(
      expect.objectContaining({ code: "TENON_JSON_SYNTAX" }),
    );
  });

  it("reads Python's NaN and Infinity when it is told to", () => {
    expect(read("[NaN,Infinity,-Infinity]", { allowNonFinite: true })).toEqual([
      Number.NaN,
      Infinity,
      -Infinity,
    ]);
  });
});
