import { createHash } from "node:crypto";
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { writeAdapter } from "../../bench/adapter.ts";
import { weightBytes, writeCheckpoint } from "../../bench/checkpoint.ts";
import { fourGigabytes, type LlamaSizes, llama405B, llamaTensors } from "../../bench/llama.ts";
import { spreadOf } from "../../bench/statistics.ts";
import { elementCount } from "../../src/core/index.ts";
import { tenon } from "../verbs/tenon.ts";

const tiny: LlamaSizes = {
  hidden: 16,
  intermediate: 24,
  layers: 2,
  heads: 4,
  keyValueHeads: 2,
  vocabulary: 33,
  shards: 3,
};

describe("the files of the benchmark", () => {
  let root: string;
  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), "tenon-"));
  });
  afterEach(() => rmSync(root, { recursive: true, force: true }));

  const digest = (): string => {
    const hash = createHash("sha256");
    for (const name of readdirSync(root).sort()) hash.update(readFileSync(join(root, name)));
    return hash.digest("hex").slice(0, 16);
  };

  it("are a transformers directory of the sizes that were asked for, the same bytes each time", async () => {
    writeCheckpoint(root, tiny, { weights: "random" });
    await using opened = await tenon.open(root);
    expect(opened.layout).toBe("hf");
    const shapes = new Map([...(opened.base?.tensors ?? [])].map(([name, { shape }]) => [name, shape]));
    expect(shapes).toEqual(new Map(llamaTensors(tiny).map(({ name, shape }) => [name, shape])));
    expect(digest()).toBe("5240d18f28cf1ea7");
  });

  it("are a PEFT directory for the seven linears, the same bytes each time", async () => {
    writeAdapter(root, tiny, 4);
    await using opened = await tenon.open(root);
    expect(opened.layout).toBe("peft");
    expect([...opened.adapters.values()].map(({ modules }) => modules.size)).toEqual([14]);
    expect(digest()).toBe("1833f35df6561dae");
  });

  it("take no space where only headers are wanted", async () => {
    writeCheckpoint(root, { ...tiny, hidden: 4096, intermediate: 8192 }, { weights: "holes" });
    await using opened = await tenon.open(root);
    expect(opened.base?.tensors.size).toBe(21);
    const taken = readdirSync(root).reduce((sum, name) => sum + statSync(join(root, name)).blocks * 512, 0);
    expect(taken).toBeLessThan(1e6);
  });

  it("have the sizes that the documents say", () => {
    expect(weightBytes(fourGigabytes) / 1e9).toBeCloseTo(4.373, 3);
    const elements = llamaTensors(llama405B).reduce((sum, { shape }) => sum + elementCount(shape), 0);
    expect(elements / 1e9).toBeCloseTo(405.85, 2);
  });
});

describe("a spread", () => {
  it("takes the middle of an odd count, and the mean of the two middles of an even one", () => {
    expect(spreadOf([3, 1, 2])).toEqual({ median: 2, least: 1, most: 3, count: 3 });
    expect(spreadOf([4, 1, 2, 10]).median).toBe(3);
  });
});
