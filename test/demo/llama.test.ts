import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { llamaLogits } from "../../scripts/demo/llama.ts";
import { apart, tolerance } from "../../scripts/demo/logits.ts";

const merges = "test/fixtures/merge";

/** Merges by PEFT whose model is a plain Llama in one bf16 or f32 file, with the logits that transformers gave. */
const recorded = readdirSync(merges)
  .map((name) => join(merges, name, "expected"))
  .filter((folder) => existsSync(join(folder, "logits.json")) && isPlainLlama(folder));

function isPlainLlama(folder: string): boolean {
  const config = JSON.parse(readFileSync(join(folder, "config.json"), "utf8")) as Record<string, unknown>;
  return (
    String(config["architectures"]) === "LlamaForCausalLM" &&
    config["attention_bias"] === false &&
    config["mlp_bias"] === false &&
    config["dtype"] !== "float16"
  );
}

describe("the demo's forward pass", () => {
  it("is tried on many merges", () => {
    expect(recorded.length).toBeGreaterThan(40);
  });

  it.each(recorded)("agrees with transformers on %s", (folder) => {
    expect(apart(folder, join(folder, "logits.json"))).toBeLessThan(tolerance);
  });

  it("disagrees about a model that is not the one recorded", () => {
    const base = "test/fixtures/hybrid/qv/base";
    expect(apart(base, "test/fixtures/hybrid/qv/truth/logits.json")).toBeGreaterThan(0.1);
  });

  it("refuses what it does not compute", () => {
    expect(() => llamaLogits("test/fixtures/base/gpt2-f32", [1])).toThrow(/computes a Llama/);
    expect(() => llamaLogits("test/fixtures/base/llama-bias-bf16", [1])).toThrow(/no biases/);
  });
});
