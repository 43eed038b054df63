import { describe, expect, it } from "vitest";
import { matchesGlob } from "../../src/plan/name-globs.ts";

describe("a pattern of names", () => {
  it.each([
    ["model.norm.weight", "model.norm.weight", true],
    ["model.norm.weight", "model.norm.weights", false],
    ["*", "", true],
    ["*", "default:model.q.lora_A", true],
    ["*.norm.*", "model.norm.weight", true],
    ["*norm*", "model.layers.0.input_layernorm.weight", true],
    ["model.*.mlp.*.weight", "model.layers.0.mlp.up_proj.weight", true],
    ["model.*.mlp.*.weight", "model.layers.0.attn.q.weight", false],
    ["a*a", "a", false],
    ["a*b*b", "ab", false],
    ["a**b", "ab", true],
    ["model.norm.weight*", "model.norm.weight", true],
    [".", "x", false],
    ["[a]", "a", false],
  ])("%s on %s: %s", (pattern, name, expected) => {
    expect(matchesGlob(pattern, name)).toBe(expected);
  });

  it("does not hang on many stars", () => {
    expect(matchesGlob(`${"*a".repeat(500)}*b`, "a".repeat(1000))).toBe(false);
  });
});
