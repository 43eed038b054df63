import { describe, expect, it } from "vitest";
import { mergeObstacles, parseLoraConfig, understand } from "../../src/adapters/index.ts";
import { byteLengthOf, isTenonError, parseJsonRecord, type Tensor } from "../../src/core/index.ts";

function obstacles(fields: object): string[] {
  const json = parseJsonRecord(JSON.stringify({ peft_type: "LORA", r: 2, lora_alpha: 4, ...fields }), {
    file: "c",
  });
  return mergeObstacles(parseLoraConfig(json, "c")).map(({ code }) => code);
}

describe("what stands in the way of merging", () => {
  it("is nothing for plain LoRA", () => {
    expect(obstacles({ target_modules: ["q"], init_lora_weights: "gaussian" })).toEqual([]);
  });

  it.each([
    ["TENON_ADAPTER_ALORA", { alora_invocation_tokens: [1, 2] }],
    ["TENON_ADAPTER_QALORA", { use_qalora: true }],
    ["TENON_ADAPTER_ARROW", { arrow_config: { top_k: 3 } }],
    ["TENON_ADAPTER_INIT_UNKNOWN", { init_lora_weights: "a_method_of_next_year" }],
  ])("is named: %s", (code, fields) => {
    expect(obstacles(fields)).toContain(code);
  });
});

describe("two stored names that mean one parameter", () => {
  const tensor = (name: string): Tensor => ({
    id: name, name, shape: [2], dtype: "F32", byteLength: byteLengthOf("F32", [2]), file: "model.safetensors",
    read: async () => {},
  }); // biome-ignore format: one object

  it("are refused, for nothing says which one counts", () => {
    const names = ["q.weight", "q.base_layer.weight", "q.lora_A.default.weight", "q.lora_B.default.weight"];
    let code = "nothing was thrown";
    try {
      understand(names.map(tensor), { adapterConfigs: new Map(), adapterFiles: new Map() });
    } catch (error) {
      if (!isTenonError(error)) throw error;
      code = error.code;
    }
    expect(code).toBe("TENON_NAMES_DUPLICATE");
  });
});
