import { expect, it } from "vitest";
import { memoryTree } from "../../src/bytes/index.ts";
import {
  accelerate,
  dcp,
  hf,
  layouts,
  listedOnce,
  peft,
  peftHybrid,
  stateDict,
  tenon,
  trainer,
  universal,
} from "../../src/layouts/index.ts";
import { type LayoutSubject, layoutContract } from "../contract/layout.contract.ts";
import { sourceContract } from "../contract/source.contract.ts";

const writing: readonly LayoutSubject[] = [
  { layout: hf, base: "whole", adapters: "none" },
  { layout: peft, base: "none", adapters: "some" },
  { layout: peftHybrid, base: "part", adapters: "some" },
  { layout: stateDict, base: "whole", adapters: "any" },
  { layout: dcp, base: "whole", adapters: "any" },
  { layout: tenon, base: "any", adapters: "any" },
  { layout: universal, base: "any", adapters: "any", optimizer: true },
  { layout: trainer, base: "part", adapters: "some", optimizer: true },
  { layout: trainer, base: "whole", adapters: "none", optimizer: true },
  { layout: accelerate, base: "whole", adapters: "any", optimizer: true },
];
for (const subject of writing) layoutContract(subject);
// What only reads keeps less of the contract, but keeps it.
for (const layout of layouts.filter(({ canWrite }) => !canWrite))
  layoutContract({ layout, base: "any", adapters: "any" });

it("is kept by every layout that writes", () => {
  const names = layouts.filter(({ canWrite }) => canWrite).map(({ name }) => name);
  expect([...new Set(writing.map(({ layout }) => layout.name))].sort()).toEqual(names.sort());
});

sourceContract({ name: "a tree that is listed once", make: async (files) => listedOnce(memoryTree(files)) });
