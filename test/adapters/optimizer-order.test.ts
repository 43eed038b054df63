import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { type OrderedParameter, registrationOrder } from "../../src/adapters/index.ts";

/** `named_parameters()` of a live model of each type. */
const orders = JSON.parse(
  readFileSync(new URL("../fixtures/optimizer/orders.json", import.meta.url), "utf8"),
) as Readonly<Record<string, readonly string[]>>;

type Named = OrderedParameter & { readonly name: string };

function parameter(name: string): Named {
  const dot = name.lastIndexOf(".");
  return { name, module: name.slice(0, dot), leaf: name.slice(dot + 1), place: "base", adapter: 0 };
}

const namesOf = (parameters: readonly Named[], modelType: string | undefined): unknown => {
  const order = registrationOrder(parameters, modelType);
  return "reason" in order ? order.reason : order.ordered.map(({ name }) => name);
};

describe("the order of registration", () => {
  it.each(Object.keys(orders))("is that of the live model: %s", (modelType) => {
    const live = orders[modelType] ?? [];
    const shuffled = [...live].sort().map(parameter);
    expect(namesOf(shuffled, modelType)).toEqual(live);
    expect(namesOf(shuffled, undefined)).toEqual(live);
  });

  it("counts layers as numbers", () => {
    const names = [10, 9, 0].map((layer) => `model.layers.${layer}.mlp.up_proj.weight`);
    expect(namesOf(names.map(parameter), "llama")).toEqual([...names].reverse());
  });

  it("puts the layer first and then what PEFT registers beside it, adapter after adapter", () => {
    const module = "model.layers.0.self_attn.q_proj";
    const kinds = [
      ["magnitude", 1, "weight"], ["loraB", 1, "bias"], ["loraB", 1, "weight"], ["loraB", 0, "weight"],
      ["loraA", 1, "weight"], ["loraA", 0, "weight"], ["base", 0, "bias"], ["base", 0, "weight"],
    ] as const; // biome-ignore format: a table
    const parameters = kinds.map(([place, adapter, leaf]) => ({
      name: `${place} ${adapter} ${leaf}`,
      module,
      leaf,
      place,
      adapter,
    }));
    expect(namesOf(parameters, "llama")).toEqual([
      "base 0 weight", "base 0 bias", "loraA 0 weight", "loraA 1 weight", "loraB 0 weight", "loraB 1 weight",
      "loraB 1 bias", "magnitude 1 weight",
    ]); // biome-ignore format: a list
  });

  it("is not guessed for another type of model, or for a module that no table has", () => {
    expect(namesOf([parameter("model.embed_tokens.weight")], "opt")).toMatch(/type opt is not known/);
    expect(namesOf([parameter("model.layers.0.mlp.router.weight")], "llama")).toMatch(
      /the place of model.layers.0.mlp.router.weight among the modules/,
    );
  });
});
