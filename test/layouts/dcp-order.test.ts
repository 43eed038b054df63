import { describe, expect, it } from "vitest";
import { type OptimizerSource, readDcpOptimizer } from "../../src/layouts/dcp/optimizer.ts";
import { partsOf } from "../../src/layouts/dcp/parts.ts";
import type { StateLeaf, StateNode } from "../../src/layouts/dcp/state-tree.ts";
import { openFixture } from "./fixtures.ts";

/** Settings of two parameters, flattened, each with the file of the rank that wrote it. */
function flattened(files: Readonly<Record<string, string>>): StateNode {
  const leaf = (name: string, file: string): StateLeaf => ({
    kind: "object",
    name,
    place: { file, byteOffset: 0, byteLength: 1 },
  });
  const entries = Object.entries(files).map(
    ([name, file]) => [`param_groups.${name}`, leaf(name, file)] as const,
  );
  return { kind: "dict", entries: new Map(entries) };
}

const source = {
  file: "save",
  location: "save",
  isLost: () => false,
  reader: { nested: async () => ({ value: { lr: 1 }, left: [] }) },
  canonical: () => new Map(),
  left: () => {},
} as unknown as OptimizerSource;

describe("the order of flattened param groups", () => {
  it("is the optimizer's where one rank wrote the settings, in however many files", async () => {
    const node = flattened({ "a.lr": "__1_0.distcp", "a.eps": "__1_1.distcp", "b.lr": "__1_0.distcp" });
    const { groups, orderUnknown } = await readDcpOptimizer(node, source);
    expect(groups.map(({ parameters }) => parameters)).toEqual([["a", "b"]]);
    expect(orderUnknown).toBeUndefined();
    await using titan = await openFixture("dcp/titan-w2");
    expect(titan.optimizer?.groups.length).toBeGreaterThan(0);
    expect(titan.optimizer?.orderUnknown).toBeUndefined();
  });

  // Simulated with torch 2.13's own planner: 20 ranks and 12 settings list p0 p1 p3 p4 p6 p7 p5 p2.
  it("is lost where several ranks did", async () => {
    const node = flattened({ "b.lr": "__1_0.distcp", "a.lr": "__2_0.distcp" });
    expect((await readDcpOptimizer(node, source)).orderUnknown).toMatch(/^several ranks wrote the settings/);
  });
});

describe("param groups alone", () => {
  it("are an optimizer that has no state, flattened or not", () => {
    const names = flattened({ "a.lr": "__0_0.distcp", "b.lr": "__0_0.distcp" });
    const lr = [...names.entries.values()][0] as StateLeaf;
    const dictOf = (entries: Readonly<Record<string, StateNode | StateLeaf>>): StateNode => ({
      kind: "dict",
      entries: new Map(Object.entries(entries)),
    });
    const group = dictOf({ lr, params: lr });
    const listed = (each: StateNode): StateNode =>
      dictOf({ param_groups: { kind: "list", entries: new Map([[0, each]]) } });
    for (const node of [names, listed(group)])
      expect(partsOf(dictOf({ optimizer: node })).optimizer).toBe(node);
    const others = [dictOf({ ...Object.fromEntries(names.entries), epoch: lr }), listed(dictOf({ lr }))];
    for (const node of others) expect(partsOf(dictOf({ schedule: node })).optimizer).toBeUndefined();
  });
});
