import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { memorySink } from "../../src/bytes/index.ts";
import { parseJsonRecord } from "../../src/core/index.ts";
import type { MergeOptions } from "../../src/verbs/index.ts";
import { bytesOf, differences, openWritten, valuesOf } from "./golden.ts";
import { fixture, tenon } from "./tenon.ts";

const base = fixture("base/llama-bf16");
const adapters = [fixture("merge/linear-bf16/adapter")];

async function merged(options: Partial<MergeOptions>): Promise<ReadonlyMap<string, Uint8Array>> {
  const output = memorySink();
  await tenon.merge(base, { adapters, output, accumulate: "fma", ...options });
  return output.files;
}

function jsonIn(files: ReadonlyMap<string, Uint8Array>, path: string) {
  const bytes = files.get(path);
  if (bytes === undefined) throw new Error(`${path} is not among ${[...files.keys()].join(", ")}`);
  return parseJsonRecord(new TextDecoder().decode(bytes), { file: path });
}

const round = (value: number): number => {
  const bits = new Uint32Array(Float32Array.of(value).buffer)[0] ?? 0;
  return (bits + 0x7fff + ((bits >>> 16) & 1)) >>> 16;
};

describe("the output of a merge", () => {
  it("in f32 is the sum before its one rounding: rounded to bf16 it is the output in bf16", async () => {
    const files = await merged({ dtype: "F32" });
    expect(jsonIn(files, "config.json")["dtype"]).toBe("float32");
    await using wide = await openWritten(files);
    await using narrow = await openWritten(await merged({}));
    for (const [name, tensor] of narrow.base?.tensors ?? []) {
      const other = wide.base?.tensors.get(name);
      if (other === undefined) throw new Error(name);
      expect(other.dtype).toBe("F32");
      const codes = Uint16Array.from(await valuesOf(other), round);
      expect(Buffer.from(codes.buffer).equals(await bytesOf(tensor)), name).toBe(true);
    }
  });

  it("takes f16 from a bf16 base and says so in the config", async () => {
    const files = await merged({ dtype: "F16" });
    expect(jsonIn(files, "config.json")["dtype"]).toBe("float16");
    await using written = await openWritten(files);
    for (const tensor of written.base?.tensors.values() ?? []) expect(tensor.dtype).toBe("F16");
  });

  it("is the same model however it is sharded, with an index that transformers reads", async () => {
    const expected = fixture("merge/linear-bf16/expected");
    const property = fc.asyncProperty(fc.integer({ min: 1, max: 200_000 }), async (maxShardBytes) => {
      const files = await merged({ maxShardBytes });
      expect(await differences(files, expected)).toEqual([]);
      const weights = [...files.keys()].filter((path) => path.endsWith(".safetensors")).sort();
      const count = String(weights.length).padStart(5, "0");
      if (weights.length === 1) {
        expect(weights).toEqual(["model.safetensors"]);
        return;
      }
      expect(weights).toEqual(
        weights.map((_, at) => `model-${String(at + 1).padStart(5, "0")}-of-${count}.safetensors`),
      );
      const index = jsonIn(files, "model.safetensors.index.json")["weight_map"] as Record<string, string>;
      expect([...new Set(Object.values(index))].sort()).toEqual(weights);
    });
    await fc.assert(property, { numRuns: 20 });
  });

  it("keeps the sharding of the base when nothing is asked for", async () => {
    await using source = await openWritten(base);
    await using written = await openWritten(await merged({}));
    expect(written.base?.shards).toEqual(source.base?.shards);
  });

  it("has the base's tokenizer and generation config, and no other file", async () => {
    const files = await merged({ maxShardBytes: 1e9 });
    expect([...files.keys()].sort()).toEqual([
      "certificate.json",
      "config.json",
      "generation_config.json",
      "model.safetensors",
    ]);
  });

  it("is the same, certificate and all, when it is made again", async () => {
    expect(await merged({ prove: "full", digest: "sha256" })).toEqual(
      await merged({ prove: "full", digest: "sha256" }),
    );
  });

  it("has the same bits on one thread and on several", async () => {
    const alone = await merged({ threads: 1 });
    const { mkdtemp, readFile, rm } = await import("node:fs/promises");
    const { tmpdir } = await import("node:os");
    const { join } = await import("node:path");
    const scratch = await mkdtemp(join(tmpdir(), "tenon-threads-"));
    try {
      const output = join(scratch, "out");
      await tenon.merge(base, { adapters, output, accumulate: "fma", threads: 2 });
      for (const [path, bytes] of alone)
        expect(Buffer.from(bytes).equals(await readFile(join(output, path))), path).toBe(true);
    } finally {
      await rm(scratch, { recursive: true, force: true });
    }
  });
});
