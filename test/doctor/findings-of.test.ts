import { describe, expect, it } from "vitest";
import { parseCommandLine } from "../../src/cli/parse.ts";
import { FormatError, type Observation } from "../../src/core/index.ts";
import { findingKinds, findingsOf, isHealthy } from "../../src/doctor/index.ts";

const source = "runs/one/model.pt";
const observed = (
  code: string,
  names: readonly string[] = [],
  facts?: Observation["facts"],
): Observation => ({
  code,
  names,
  ...(facts && { facts }),
});

describe("findings", () => {
  it("are one a code, the gravest first, with all names counted", () => {
    const names = Array.from({ length: 12 }, (_, at) => `layer.${at}`);
    const findings = findingsOf({
      source,
      observations: [
        observed("TENON_NAMES_STRAY_BIAS", ["b"]),
        observed("TENON_STATE_DICT_LOOSE_TENSORS", ["ema.step"], { file: "model.pt" }),
        observed("TENON_TENSOR_NAN", names.slice(0, 7)),
        observed("TENON_TENSOR_NAN", names.slice(7), { count: 400, elements: 3 }),
      ],
    });
    expect(findings.map(({ severity, code }) => [severity, code])).toEqual([
      ["error", "TENON_TENSOR_NAN"],
      ["warning", "TENON_STATE_DICT_LOOSE_TENSORS"],
      ["note", "TENON_NAMES_STRAY_BIAS"],
    ]);
    expect(findings[0]?.evidence).toEqual({ names: names.slice(0, 10), count: 407, facts: { elements: 3 } });
  });

  it("are healthy as long as they are notes", () => {
    const note = findingsOf({ source, observations: [observed("TENON_NAMES_STRAY_BIAS")] });
    const warning = findingsOf({ source, observations: [observed("TENON_DTYPE_MIXED")] });
    expect([isHealthy([]), isHealthy(note), isHealthy(warning)]).toEqual([true, true, false]);
  });

  it("take damage that the table does not know for an error, in its own words", () => {
    const facts = { message: 'torch: "a" is damaged (model.pt)' };
    const [finding] = findingsOf({ source, observations: [observed("TENON_TORCH_ODD", ["a"], facts)] });
    expect(finding).toMatchObject({ severity: "error", cause: facts.message, fixable: false });
  });

  it("take an error with its message as evidence and its hint as remedy", () => {
    const extras = { details: { path: "model.pt" }, hint: "Copy it again." };
    const errors = [
      new FormatError("TENON_SAFETENSORS_TRUNCATED", "safetensors: it ends early (model.pt)", extras),
    ];
    const [finding, ...others] = findingsOf({ source, observations: [], errors });
    expect(others).toEqual([]);
    expect(finding).toMatchObject({
      code: "TENON_SAFETENSORS_TRUNCATED",
      severity: "error",
      evidence: { names: ["model.pt"], count: 1, facts: { message: errors[0]?.message } },
      remedy: "Copy it again.",
    });
  });

  it("name the adapter where they concern all of it", () => {
    const observations = [observed("TENON_ADAPTER_REWRITES_BASE", [], { adapter: "default", init: "pissa" })];
    expect(findingsOf({ source, observations })[0]?.evidence.names).toEqual(["default"]);
  });
});

describe("a remedy", () => {
  const remedyOf = (code: string, subject: { source: string; base?: string }): string | undefined =>
    findingsOf({ ...subject, observations: [observed(code)] })[0]?.remedy;

  it.each([
    ["runs/one/model.pt", "runs/one/model-repaired"],
    ["runs/one/", "runs/one-repaired"],
    [".", "repaired"],
    ["https://example.org/models/one", "one-repaired"],
    ["my run", "'my run-repaired'"],
  ])("of %s writes beside it: %s", (path, output) => {
    const remedy = remedyOf("TENON_NAMES_BASE_LAYER", { source: path }) ?? "";
    expect(remedy.endsWith(`--fix -o ${output}`)).toBe(true);
  });

  it("quotes paths for the shell, and gives the base where there is one", () => {
    const subject = { source: "it's", base: "base model" };
    expect(remedyOf("TENON_NAMES_BASE_LAYER", subject)).toBe(
      "tenon doctor 'it'\\''s' --base 'base model' --fix -o 'it'\\''s-repaired'",
    );
    expect(remedyOf("TENON_BASE_LORA_LEFT", { source: "a" })).toBe("tenon doctor a --base BASE");
  });

  it("names what is to be dropped, and repeats the flags that the source needs", () => {
    const observations = [observed("TENON_ADAPTER_PAIR_INCOMPLETE", ["a.lora_A", "b.lora_B"])];
    const [finding] = findingsOf({ source: "a", flags: ["--alpha 8"], observations });
    expect(finding?.remedy).toBe(
      "tenon doctor a --alpha 8 --drop a.lora_A --drop b.lora_B --fix -o a-repaired",
    );
    const many = Array.from({ length: 11 }, (_, at) => `${at}.lora_A`);
    const [left] = findingsOf({
      source: "a",
      observations: [observed("TENON_ADAPTER_PAIR_INCOMPLETE", many)],
    });
    expect(left?.remedy).toContain("--drop NAME");
  });

  it.each(Object.entries(findingKinds).filter(([, { remedy }]) => remedy.startsWith("tenon ")))(
    "(%s) is a command that the command line takes",
    (_, { remedy }) => {
      // Words in capitals stand for paths and names, which the parser does not look at.
      const { verb, options } = parseCommandLine(remedy.split(" ").slice(1));
      expect(verb).toMatch(/^(?:doctor|split|merge|convert)$/);
      if (verb === "doctor") expect(options.fix === true).toBe(options.output !== undefined);
    },
  );

  it("names a config that fits, else a file and what does in its place", () => {
    const observations = [observed("TENON_ADAPTER_CONFIG_MISSING", [])];
    const subject = { source: "OUT/it", observations };
    expect(findingsOf({ ...subject, adapterConfig: "FILE dir/adapter_config.json" })[0]?.remedy).toBe(
      "tenon split OUT/it --adapter-config 'FILE dir/adapter_config.json' -o OUT/it-split",
    );
    const remedy = findingsOf(subject)[0]?.remedy ?? "";
    const [command = "", comment = ""] = remedy.split("  # ");
    expect(command).toBe("tenon split OUT/it --adapter-config FILE -o OUT/it-split");
    expect(comment).toBe("or --alpha N in the place of the file");
  });

  it("leaves a sentence as it is", () => {
    expect(remedyOf("TENON_SHARD_MISSING", { source: "a" })).toBe("Copy or download the missing file.");
  });
});
