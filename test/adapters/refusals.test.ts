import { describe, expect, it } from "vitest";
import {
  type GeometryContext,
  parameterChangesOf,
  parseLoraConfig,
  scalingOf,
} from "../../src/adapters/index.ts";
import type { Tensor } from "../../src/core/index.ts";
import {
  type AdapterModule,
  byteLengthOf,
  isTenonError,
  parseJsonRecord,
  type Shape,
  type TensorMeta,
} from "../../src/core/index.ts";

const tensor = (name: string, shape: Shape): Tensor => ({
  id: name, name, shape, dtype: "F32", byteLength: byteLengthOf("F32", shape), file: "test",
  read: async () => {},
}); // biome-ignore format: one object

function codeOf(act: () => unknown): string {
  try {
    act();
  } catch (error) {
    if (isTenonError(error)) return error.code;
    throw error;
  }
  return "nothing was thrown";
}

const config = (fields: object) =>
  parseLoraConfig(
    parseJsonRecord(JSON.stringify({ peft_type: "LORA", r: 2, lora_alpha: 4, ...fields }), { file: "c" }),
    "c",
  );

function refusal(
  module: Omit<AdapterModule, "path" | "nesting">,
  base: readonly TensorMeta[],
  fields: object = {},
): string {
  const whole: AdapterModule = { path: "q", nesting: 0, ...module };
  const context: GeometryContext = {
    adapter: "default",
    config: config(fields),
    modules: new Map([["q", whole]]),
    base: new Map(base.map((meta) => [meta.name, meta])),
  };
  return codeOf(() => parameterChangesOf(context, whole));
}

const loraA = tensor("q.lora_A", [2, 6]);
const loraB = tensor("q.lora_B", [5, 2]);
const weight = tensor("q.weight", [5, 6]);

describe("laying a pair over its base", () => {
  it("accepts a pair that fits", () => {
    expect(refusal({ loraA, loraB }, [weight])).toBe("nothing was thrown");
  });

  it("refuses shapes that do not fit", () => {
    expect(refusal({ loraA, loraB }, [tensor("q.weight", [5, 7])])).toBe("TENON_ADAPTER_SHAPE_MISMATCH");
  });

  it("refuses a stored rank that the config does not resolve to", () => {
    expect(refusal({ loraA, loraB }, [weight], { r: 4 })).toBe("TENON_ADAPTER_RANK_MISMATCH");
  });

  it("refuses half a pair", () => {
    expect(refusal({ loraA }, [weight])).toBe("TENON_ADAPTER_PAIR_INCOMPLETE");
  });

  it("refuses a module that the base does not have", () => {
    expect(refusal({ loraA, loraB }, [tensor("k.weight", [5, 6])])).toBe("TENON_ADAPTER_TARGET_NOT_FOUND");
  });

  it("refuses a magnitude that the config does not speak of, and the reverse", () => {
    const magnitude = tensor("q.lora_magnitude_vector", [5]);
    expect(refusal({ loraA, loraB, magnitude }, [weight])).toBe("TENON_ADAPTER_DORA_MISMATCH");
    expect(refusal({ loraA, loraB }, [weight], { use_dora: true })).toBe("TENON_ADAPTER_DORA_MISMATCH");
    expect(refusal({ loraA, loraB, magnitude }, [weight], { use_dora: true })).toBe("nothing was thrown");
  });

  it("refuses square experts whose orientation nothing tells", () => {
    const a = tensor("q.lora_A", [4, 6]);
    const b = tensor("q.lora_B", [6, 4]);
    const fields = { target_parameters: ["q.gate"] };
    expect(refusal({ loraA: a, loraB: b }, [tensor("q.gate", [2, 6, 6])], fields)).toBe(
      "TENON_ADAPTER_GEOMETRY_AMBIGUOUS",
    );
  });

  it("refuses a grouped convolution", () => {
    const a = tensor("q.lora_A", [2, 3, 3, 3]);
    const b = tensor("q.lora_B", [6, 1, 1, 1]);
    expect(refusal({ loraA: a, loraB: b }, [tensor("q.weight", [6, 3, 3, 3])])).toBe(
      "TENON_ADAPTER_LAYER_UNSUPPORTED",
    );
  });
});

describe("patterns of rank and alpha", () => {
  it("are refused where the order of the file decides and was lost", () => {
    const lost = config({ rank_pattern: { q: 4, 0: 8 } });
    expect(codeOf(() => scalingOf(lost, "layers.0"))).toBe("nothing was thrown");
    const rivals = config({ rank_pattern: { "layers.0": 4, 0: 8 } });
    expect(codeOf(() => scalingOf(rivals, "layers.0"))).toBe("TENON_ADAPTER_PATTERN_ORDER");
  });
});
