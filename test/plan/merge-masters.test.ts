import { describe, expect, it } from "vitest";
import type { BaseComponent, Checkpoint, Tensor } from "../../src/core/index.ts";
import { type BaseLayer, layMasters } from "../../src/plan/index.ts";

function tensor(id: string, dtype: Tensor["dtype"]): Tensor {
  return { id, name: id, dtype, shape: [4], byteLength: 16, file: id, read: async () => {} };
}

function base(location: string, names: readonly string[], isComplete: boolean): BaseLayer {
  const tensors = new Map(names.map((name) => [name, tensor(`${location}#${name}`, "BF16")]));
  const component: BaseComponent = { tensors, isComplete, ties: new Map(), shards: new Map() };
  return { label: location, base: component };
}

type Holder = Pick<Checkpoint, "location" | "layout" | "adapters" | "entries" | "observations" | "optimizer">;

function holder(location: string, names: readonly string[]): Holder {
  const states = new Map(
    names.map((name) => [name, new Map([["fp32", tensor(`${location}#fp32/${name}`, "F32")]])]),
  );
  const optimizer = { file: "optimizer", states, groups: [] };
  return { location, layout: "tenon", adapters: new Map(), entries: [], observations: [], optimizer };
}

const idsOf = (holders: readonly Holder[], bases: readonly BaseLayer[]): Record<string, string> =>
  Object.fromEntries(
    [...layMasters({ holders, bases, adapters: [] }).base].map(([name, { id }]) => [name, id]),
  );

describe("masters in several layers of a base", () => {
  const whole = base("below", ["a", "b", "c"], true);
  const delta = base("above", ["a"], false);

  it("stand for what a layer below them stores, if rounding left it as it was", () => {
    expect(idsOf([holder("above", ["a", "b"])], [whole, delta])).toEqual({
      a: "above#fp32/a",
      b: "above#fp32/b",
    });
  });

  it("count from the highest, in whatever order they are met", () => {
    const holders = [holder("above", ["a", "b"]), holder("below", ["b", "c"])];
    const expected = { a: "above#fp32/a", b: "above#fp32/b", c: "below#fp32/c" };
    expect(idsOf(holders, [whole, delta])).toEqual(expected);
    expect(idsOf([...holders].reverse(), [whole, delta])).toEqual(expected);
  });

  it("do not count below a tensor that a layer above moved without one", () => {
    expect(idsOf([holder("below", ["a", "b"])], [whole, delta])).toEqual({ b: "below#fp32/b" });
  });
});
