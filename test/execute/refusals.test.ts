import { describe, expect, it } from "vitest";
import type { OutputFile, Recipe, Tensor } from "../../src/core/index.ts";
import { floatDType } from "../../src/execute/factors.ts";
import { planFiles } from "../../src/execute/schedule.ts";
import { formats } from "../../src/formats/index.ts";
import { distinctNames } from "../../src/layouts/wrapped-names.ts";
import { decodeFloats } from "../../src/ops/index.ts";
import { kept } from "../contract/layout.contract.ts";

const fileOf = (recipe: Recipe, format = "safetensors"): OutputFile => ({
  kind: "tensors",
  path: "out",
  format,
  entries: [{ name: "w", recipe }],
  metadata: {},
});
const resolve = (id: string): Tensor => ({
  id,
  name: id,
  dtype: "F32",
  shape: [2, 3],
  byteLength: 24,
  file: "of no file",
  read: () => Promise.reject(new Error("nothing is read")),
});
const refused = (code: string, fields: object = {}): unknown => expect.objectContaining({ code, ...fields });

describe("a plan of files", () => {
  it("is refused for a format that nothing writes", () => {
    expect(() => planFiles([fileOf(kept("w", [2]), "onnx")], formats, resolve)).toThrow(
      refused("TENON_FORMAT_CANNOT_WRITE", { message: 'format: nothing here writes "onnx" (out)' }),
    );
  });

  it("is refused where a tensor would get another number of elements", () => {
    const recipe = { ...kept("w", [2, 3]), shape: [2, 2] };
    expect(() => planFiles([fileOf(recipe)], formats, resolve)).toThrow(
      refused("TENON_PLAN_SHAPE_MISMATCH", { details: { tensor: "w", found: [2, 3], allowed: [2, 2] } }),
    );
    expect(() => planFiles([fileOf({ ...kept("w", [2, 3]), shape: [6] })], formats, resolve)).not.toThrow();
  });

  it("is refused where one file would have a name twice", () => {
    const entries = ["a", "b", "a"].map((name) => ({ name, recipe: kept(name, [1]) }));
    expect(() => distinctNames("peft-hybrid", entries)).toThrow(
      refused("TENON_LAYOUT_SAME_NAME", { details: { layout: "peft-hybrid", name: "a" } }),
    );
    expect(distinctNames("peft-hybrid", entries.slice(0, 2))).toHaveLength(2);
  });
});

describe("arithmetic", () => {
  it("of a low-rank product takes no other dtype", () => {
    expect(() => floatDType("F8_E4M3", "lora_A")).toThrow(
      refused("TENON_MERGE_DTYPE", { details: { tensor: "lora_A", found: "F8_E4M3" } }),
    );
    expect(floatDType("BF16", "lora_A")).toBe("BF16");
  });

  it("of elements takes no integers", () => {
    expect(() => decodeFloats("I64", new Uint8Array(8), new Float64Array(1))).toThrow(
      refused("TENON_OPS_DTYPE", { details: { dtype: "I64", verb: expect.any(String) } }),
    );
  });
});
