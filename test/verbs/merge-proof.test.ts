import { existsSync } from "node:fs";
import { afterEach, describe, expect, it, vi } from "vitest";
import { memorySink } from "../../src/bytes/index.ts";
import { isTenonError } from "../../src/core/index.ts";
import type { LowRankTile } from "../../src/ops/index.ts";
import { tenonOn } from "../../src/verbs/index.ts";
import { fixture, host } from "./tenon.ts";

const mutation = vi.hoisted(() => ({ of: (tile: LowRankTile): LowRankTile => tile }));
vi.mock("../../src/ops/index.ts", async (original) => {
  const ops = await original<typeof import("../../src/ops/index.ts")>();
  const addLowRank: typeof ops.addLowRank = (kernel, tile) => ops.addLowRank(kernel, mutation.of(tile));
  return { ...ops, addLowRank };
});
afterEach(() => {
  mutation.of = (tile) => tile;
});

// On this thread: worker threads run the built kernel, which nothing here can break.
const { inThreads: _, ...oneThread } = host;
const tenon = tenonOn(oneThread);
const base = fixture("base/llama-bf16");
const adapters = [fixture("merge/linear-bf16/adapter")];

describe("a merge proves its own rows", () => {
  it("and certifies how far they are from exact arithmetic, and how far they may be", async () => {
    const { certificate } = await tenon.merge(base, { adapters, output: memorySink(), prove: "full" });
    const merged = certificate?.tensors.filter(({ steps }) => steps > 0) ?? [];
    expect(merged.length).toBeGreaterThan(0);
    for (const { shape, provenRows, maxError, errorBound } of merged) {
      expect(provenRows).toBe(shape[0]);
      expect(maxError).toBeGreaterThan(0);
      expect(maxError).toBeLessThanOrEqual(errorBound as number);
    }
    for (const { steps, maxError, errorBound } of certificate?.tensors ?? [])
      if (steps === 0) expect([maxError, errorBound]).toEqual([null, null]);
  });

  it.each(["sample", "full"] as const)(
    "and writes nothing when the arithmetic is wrong (%s)",
    async (prove) => {
      mutation.of = (tile) => ({ ...tile, scaling: tile.scaling * 1.5 });
      const output = "test/.tmp/merge-proof";
      const error = await tenon.merge(base, { adapters, output, prove }).catch((reason: unknown) => reason);
      expect(isTenonError(error) && error.code).toBe("TENON_MERGE_ERROR_BOUND");
      expect(isTenonError(error) && error.details["tensor"]).toMatch(/_proj\.weight$/);
      expect(existsSync(output)).toBe(false);
    },
  );
});
