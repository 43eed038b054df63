import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { jsonText, parseJsonRecord, withFields } from "../../src/core/index.ts";

const fixtures = new URL("../fixtures/", import.meta.url);
const read = (path: string): string => readFileSync(new URL(path, fixtures), "utf8");

describe("JSON written as Python writes it", () => {
  it("is the file that transformers and PEFT wrote, byte for byte", () => {
    for (const path of ["base/llama-bf16/config.json", "base/gpt-oss-bf16/config.json"]) {
      const text = read(path);
      const record = parseJsonRecord(text, { file: path });
      expect(`${jsonText(record, { indent: 2, sortKeys: true })}\n`).toBe(text);
    }
    const text = read("hybrid/qv/save-pretrained/adapter_config.json");
    expect(jsonText(parseJsonRecord(text, { file: "adapter" }), { indent: 2, sortKeys: true })).toBe(text);
  });

  it("keeps the spelling of the numbers that were not changed", () => {
    const record = parseJsonRecord('{"a": 1.0, "b": 2.0, "c": [3.0, 1e-5], "n": NaN}', {
      file: "x",
      allowNonFinite: true,
    });
    const changed = withFields(record, { b: 4, d: 0.00002 });
    expect(jsonText(changed)).toBe('{"a": 1.0, "b": 4, "c": [3.0, 1e-5], "n": NaN, "d": 2e-05}');
  });

  it("escapes what is not ASCII and sorts by code point", () => {
    expect(jsonText({ "\u{1f600}": "榫\u007f\n", "\uffff": {} }, { sortKeys: true })).toBe(
      '{"\\uffff": {}, "\\ud83d\\ude00": "\\u69ab\u007f\\n"}',
    );
  });
});
