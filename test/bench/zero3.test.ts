import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type LlamaSizes, llamaTensors } from "../../bench/llama.ts";
import { writeZero3, type ZeroOptions } from "../../bench/zero3.ts";
import { byteLengthOf, type Tensor } from "../../src/core/index.ts";
import { tenon } from "../verbs/tenon.ts";

const tiny: LlamaSizes = {
  hidden: 16,
  intermediate: 24,
  layers: 2,
  heads: 4,
  keyValueHeads: 2,
  vocabulary: 33,
  shards: 1,
};
const options: ZeroOptions = { workers: 5, loraRank: 3, trains: "base", weights: "random" };

interface Range {
  readonly path: string;
  readonly byteOffset: number;
  readonly byteLength: number;
}

describe("the ZeRO-3 save of the benchmark", () => {
  const root = mkdtempSync(join(tmpdir(), "tenon-"));
  let ranges: readonly Range[];
  beforeAll(() => {
    writeZero3(root, tiny, options);
    ranges = JSON.parse(readFileSync(join(root, "ranges.json"), "utf8")) as Range[];
  });
  afterAll(() => rmSync(root, { recursive: true, force: true }));

  const bytesIn = ({ path, byteOffset, byteLength }: Range): Uint8Array =>
    readFileSync(join(root, path)).subarray(byteOffset, byteOffset + byteLength);

  /** The pieces of a parameter at one place of each worker's range, cut to its length. */
  function joined(of: readonly Range[], start: number, shareBytes: number, byteLength: number): Uint8Array {
    const pieces = of.map((range) => bytesIn(range).subarray(start, start + shareBytes));
    return Buffer.concat(pieces).subarray(0, byteLength);
  }

  async function bytesOf(tensor: Tensor | undefined): Promise<Uint8Array> {
    const bytes = Buffer.alloc(tensor?.byteLength ?? 0);
    await tensor?.read(0, bytes);
    return bytes;
  }

  it("is read as base and adapter, all of their bytes from the ranges", async () => {
    await using opened = await tenon.open(join(root, "checkpoint"));
    expect(opened.layout).toBe("zero");
    expect([...(opened.base?.tensors.keys() ?? [])].sort()).toEqual(
      llamaTensors(tiny)
        .map(({ name }) => name)
        .sort(),
    );
    expect(opened.adapters.get("default")?.modules.size).toBe(14);
    const masters = ranges.filter(({ path }) => path.includes("optim"));
    // The first trained parameter stands at the start of every worker's buffer.
    const query = opened.base?.tensors.get("model.layers.0.self_attn.q_proj.weight");
    expect(query?.dtype).toBe("F32");
    const share = Math.ceil(256 / 5) * 4;
    expect(await bytesOf(query)).toEqual(joined(masters, 0, share, 1024));
  });

  it("gives frozen parameters back from every worker's piece, which are kept as numbers", async () => {
    await using opened = await tenon.open(join(root, "checkpoint"));
    const pieces = ranges.filter(({ path }) => path.includes("model_states"));
    for (const [at, name] of ["model.embed_tokens.weight", "lm_head.weight"].entries()) {
      const tensor = opened.base?.tensors.get(name);
      const byteLength = byteLengthOf("BF16", [33, 16]);
      const own = pieces.filter((_, index) => index % 2 === at);
      expect(own).toHaveLength(5);
      expect(await bytesOf(tensor)).toEqual(joined(own, 0, Math.ceil((33 * 16) / 5) * 2, byteLength));
      expect(tensor?.extents?.map(({ byteOffset }) => byteOffset)).toEqual(
        own.map(({ byteOffset }) => byteOffset),
      );
    }
  });

  it("is needed for 4 of every 12 bytes of its trained parameters", () => {
    const masters = ranges.filter(({ path }) => path.includes("optim"));
    for (const { path, byteLength } of masters) {
      const size = readFileSync(join(root, path)).length;
      expect(size - 3 * byteLength).toBeGreaterThan(0);
      expect(size - 3 * byteLength).toBeLessThan(8192);
    }
  });
});
