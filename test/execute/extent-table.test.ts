import { describe, expect, it } from "vitest";
import type { Extent } from "../../src/core/index.ts";
import { ExtentTableBuilder, extentsIn } from "../../src/execute/extent-table.ts";

/** Pieces of a tensor in the files of many workers. */
const piecesOf = (tensor: number, workers: number): Extent[] =>
  Array.from({ length: workers }, (_, worker) => ({
    path: `/save/worker-${worker}`,
    byteOffset: 2 ** 40 + tensor * 10,
    byteLength: 10 + worker,
  }));

describe("a table of extents", () => {
  it("gives back every piece of every tensor, also beyond what it first has room for, and 2^32", () => {
    const builder = new ExtentTableBuilder();
    for (let tensor = 0; tensor < 50; tensor++) builder.add(`t${tensor}`, piecesOf(tensor, 60));
    builder.add("empty", []);
    const table = structuredClone(builder.table());
    expect(table.paths).toHaveLength(60);
    for (let tensor = 0; tensor < 50; tensor++)
      expect([...extentsIn(table, `t${tensor}`)]).toEqual(piecesOf(tensor, 60));
    expect([...extentsIn(table, "empty")]).toEqual([]);
  });

  it("is shared with threads, not copied into each", () => {
    const builder = new ExtentTableBuilder();
    builder.add("t", piecesOf(0, 1));
    expect(builder.table().pieces.buffer).toBeInstanceOf(SharedArrayBuffer);
  });

  it("knows when it was asked for a tensor that is elsewhere", () => {
    const table = new ExtentTableBuilder().table();
    expect(() => [...extentsIn(table, "t")]).toThrow("t lies in no local file");
  });
});
