import { describe, expect, it } from "vitest";
import { optionNames, optionTable } from "../../src/cli/options.ts";
import { parseCommandLine } from "../../src/cli/parse.ts";
import { generalOptions, verbs } from "../../src/cli/verbs.ts";

const parse = (line: string): ReturnType<typeof parseCommandLine> =>
  parseCommandLine(line.split(" ").filter((word) => word !== ""));
const failing = (line: string): unknown => {
  try {
    return parse(line);
  } catch (error) {
    return error;
  }
};

describe("a command line", () => {
  it("has a verb, arguments and typed options", () => {
    expect(parse("merge base a b -o out --memory 1GiB --threads=2 --force --rounding twice")).toEqual({
      verb: "merge",
      arguments: ["base", "a", "b"],
      options: { output: "out", memory: 2 ** 30, threads: 2, force: true, rounding: "twice" },
    });
  });

  it("keeps the order of flags that may be repeated", () => {
    const { options } = parse("merge b --adapter second=-0.5 --adapter default -o out --drop x --drop y");
    expect(options.adapter).toEqual([{ name: "second", weight: -0.5 }, { name: "default" }]);
    expect(options.drop).toEqual(["x", "y"]);
  });

  it("may have flags before the verb, and none after --", () => {
    expect(parse("--json inspect src")).toMatchObject({ verb: "inspect", options: { json: true } });
    expect(parse("inspect -- --json")).toMatchObject({ arguments: ["--json"], options: {} });
  });

  it("takes a negative number for a value, not a flag", () => {
    expect(parse("inspect s --alpha -1").options.alpha).toBe(-1);
    expect(parse("merge s --output=-o").options.output).toBe("-o");
  });

  it("is complete with --help or --version alone", () => {
    expect(parse("merge --help").options.help).toBe(true);
    expect(parse("--version").options.version).toBe(true);
    expect(parse("")).toEqual({ arguments: [], options: {} });
  });
});

describe("a usage error", () => {
  it.each([
    ["bananas x", "TENON_VERB_UNKNOWN", /"bananas" is no verb, there are inspect, /],
    ["inspect s --jsno", "TENON_OPTION_UNKNOWN", /--jsno is not known/],
    ["inspect s -x", "TENON_OPTION_UNKNOWN", /-x is not known/],
    [
      "inspect s --rounding once",
      "TENON_OPTION_NOT_TAKEN",
      /^inspect: does not take --rounding; it takes --base, /,
    ],
    [
      "merge s -o out --rounding thrice",
      "TENON_OPTION_VALUE",
      /"thrice" is not allowed; it takes once, twice$/,
    ],
    ["inspect s --json=yes", "TENON_OPTION_VALUE", /--json: takes no value/],
    ["merge s -o --force", "TENON_OPTION_VALUE_MISSING", /--output: its value is missing; it takes OUT/],
    ["merge s --rounding -o out", "TENON_OPTION_VALUE_MISSING", /it takes once, twice/],
    ["merge s -o", "TENON_OPTION_VALUE_MISSING", /--output/],
    ["merge s -o a -o b", "TENON_OPTION_REPEATED", /--output: is given more than once/],
    ["merge s", "TENON_OPTION_MISSING", /merge: --output is missing/],
    ["inspect", "TENON_ARGUMENT_MISSING", /inspect: SRC is missing/],
    ["inspect a b", "TENON_ARGUMENT_UNEXPECTED", /"b" is one argument too many; it takes SRC/],
    [
      "merge s -o out --threads 0",
      "TENON_OPTION_VALUE",
      /--threads: "0" is not allowed; it takes a whole number/,
    ],
    ["__proto__ x", "TENON_VERB_UNKNOWN", /"__proto__" is no verb/],
    ["inspect x --constructor", "TENON_OPTION_UNKNOWN", /--constructor/],
  ])("%s: %s", (line, code, message) => {
    expect(failing(line)).toMatchObject({ code, exitCode: 2, message: expect.stringMatching(message) });
  });

  it("is an empty word, where a path should be", () => {
    for (const [args, missing] of [
      [["inspect", ""], "SRC"],
      [["diff", "a", ""], "B"],
      [["merge", "a", "b", "", "-o", "out"], "[ADAPTER…]"],
    ] as const)
      expect(() => parseCommandLine(args)).toThrow(
        expect.objectContaining({
          code: "TENON_ARGUMENT_MISSING",
          details: expect.objectContaining({ missing }),
        }),
      );
  });

  it("suggests what was probably meant", () => {
    expect(failing("inspekt x")).toMatchObject({ hint: 'Did you mean "tenon inspect"?' });
    expect(failing("inspect x --treads 2")).toMatchObject({ hint: "Did you mean --threads?" });
  });

  it("does not complain about a switch that stands twice", () => {
    expect(parse("inspect s --json --json").options.json).toBe(true);
  });
});

describe("the tables", () => {
  it("have no flag that no verb takes", () => {
    const taken = new Set([...generalOptions, ...Object.values(verbs).flatMap(({ options }) => options)]);
    expect(optionNames.filter((name) => !taken.has(name))).toEqual([]);
  });

  it("have no short name twice", () => {
    const shorts = optionNames.flatMap((name) => optionTable[name].short ?? []);
    expect(new Set(shorts).size).toBe(shorts.length);
  });

  it("require only flags that the verb takes", () => {
    for (const { required, options } of Object.values(verbs))
      expect(required.filter((name) => !options.includes(name))).toEqual([]);
  });
});
