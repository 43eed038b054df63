import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { patternCharacters } from "../../src/adapters/limits.ts";
import { PythonPattern } from "../../src/adapters/patterns/python-pattern.ts";
import { isTenonError } from "../../src/core/index.ts";

type Row = string | readonly (string | null)[];
type Mode = "fullmatch" | "suffix" | "saved" | "layer";
/** Made by make-patterns.py with Python's own re. */
const table = JSON.parse(readFileSync(new URL("patterns.json", import.meta.url), "utf8")) as Record<
  Mode,
  Record<string, Row>
> & { keys: string[] };
const origin = { field: "target_modules", from: "adapter_config.json" };

const made: Record<Mode, (pattern: string) => PythonPattern> = {
  fullmatch: (pattern) => new PythonPattern(pattern, "fullmatch", origin),
  suffix: (pattern) => new PythonPattern(`(.*\\.)?(${pattern})$`, "match", origin),
  saved: (pattern) => new PythonPattern(`(^|.*\\.)${pattern}($|\\..*)`, "match", origin),
  layer: (pattern) => new PythonPattern(`(?:^|.*?\\.)${pattern}\\.(?P<idx>\\d+)\\.`, "match", origin),
};

function codeOf(run: () => unknown): string | undefined {
  try {
    run();
    return undefined;
  } catch (error) {
    if (!isTenonError(error)) throw error;
    return error.code;
  }
}

function said(mode: Mode, pattern: string): Row | "unsupported" {
  try {
    const compiled = made[mode](pattern);
    const ask = (key: string): string | null =>
      mode === "layer" ? (compiled.layerIndex(key) ?? null) : compiled.matches(key) ? "x" : ".";
    const row = table.keys.map(ask);
    return mode === "layer" && row.some((index) => index !== null) ? row : row.map((c) => c ?? ".").join("");
  } catch (error) {
    if (!isTenonError(error)) throw error;
    return error.code === "TENON_PATTERN_INVALID" ? "error" : "unsupported";
  }
}

describe.each(["fullmatch", "suffix", "saved", "layer"] as const)("a Python pattern, used as %s", (mode) => {
  it("says what Python's re says, or is refused by name", () => {
    const wrong: unknown[] = [];
    const unsupported: string[] = [];
    for (const [pattern, row] of Object.entries(table[mode])) {
      const mine = said(mode, pattern);
      if (mine === "unsupported") unsupported.push(pattern);
      else if (JSON.stringify(mine) !== JSON.stringify(row)) wrong.push({ pattern, mine, python: row });
    }
    expect(wrong).toEqual([]);
    const refused = /\(\?[=!<>(]|\(\?<|\\1|\(\?P=|\+\+|\(\?x\)|\\N|\\b|\\8|\\q/;
    expect(unsupported.filter((pattern) => !refused.test(pattern))).toEqual([]);
  });
});

describe("a pattern that no linear-time engine can run", () => {
  it.each([
    ["(?=a).*", "lookahead"],
    ["(?!a).*", "lookahead"],
    ["(?<=a)b", "lookbehind"],
    ["(?<!a)b", "lookbehind"],
    ["(a)\\1", "a backreference"],
    ["(?P<n>a)(?P=n)", "a backreference"],
    ["(?>a)b", "an atomic group"],
    ["a++", "a possessive quantifier"],
    ["(a)?(?(1)b|c)", "a conditional"],
    ["(?x) a", "verbose mode (?x)"],
    ["a{1001}", "a repetition of more than 1000"],
    ["((a{1000}){1000}){1000}", "a repetition too large to unroll"],
    ["a".repeat(patternCharacters + 1), `more than ${patternCharacters} characters`],
    ["(".repeat(5000) + ")".repeat(5000), "more than 200 nested groups"],
  ])("%.40s is refused, naming the construct and the way out", (pattern, construct) => {
    expect.assertions(3);
    try {
      made.fullmatch(pattern);
    } catch (error) {
      if (!isTenonError(error)) throw error;
      expect(error.code).toBe("TENON_PATTERN_UNSUPPORTED");
      expect(error.details["construct"]).toBe(construct);
      expect(error.hint).toContain("list");
    }
  });

  it("refuses \\b only where it would be read differently", () => {
    const pattern = made.fullmatch(".*\\bq_proj");
    expect(pattern.matches("a.q_proj")).toBe(true);
    expect(codeOf(() => pattern.matches("é.q_proj"))).toBe("TENON_PATTERN_UNSUPPORTED");
  });
});

describe("a pattern made to hang", () => {
  const long = `${"x".repeat(20_000)}!`;
  it.each([
    "(x+x+)+y",
    "(.*)*z",
    "(x|x)*y",
    "(x|xx)+$z",
    "(.*.*.*)=",
    "((x*)*)*y",
    ".*".repeat(50),
    "(x{0,9}){0,9}y",
  ])("%s is answered in time linear in the name", (pattern) => {
    const compiled = made.fullmatch(pattern);
    const start = performance.now();
    compiled.matches(long);
    expect(performance.now() - start).toBeLessThan(5000);
  });
});

it("matches no name that holds a newline", () => {
  expect(made.fullmatch("(?s).*").matches("a\nb")).toBe(false);
});
