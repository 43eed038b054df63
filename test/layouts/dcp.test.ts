import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { localTree } from "../../src/bytes/node/index.ts";
import { formats } from "../../src/formats/index.ts";
import { dcp, listedOnce } from "../../src/layouts/index.ts";
import { canonicalTruth, expectOptimizer, expectWeights, truthOf } from "./dcp-truth.ts";
import { bytesOf, fixturePath, openFixture } from "./fixtures.ts";

describe("a folder of torch's distributed checkpoints", () => {
  it("of FSDP2 holds the weights that the ranks held", async () => {
    await using checkpoint = await openFixture("dcp/fsdp2-w3/pytorch_model_fsdp_0");
    expect(checkpoint.layout).toBe("dcp");
    expect(checkpoint.base?.isComplete).toBe(true);
    expect([...checkpoint.adapters.keys()]).toEqual(["default"]);
    await expectWeights(checkpoint, "fsdp2-w3");
  });

  it("of FSDP2's optimizer alone names its parameters as the model does", async () => {
    await using checkpoint = await openFixture("dcp/fsdp2-w3/optimizer_0");
    expect(checkpoint.base === undefined).toBe(true);
    await expectOptimizer(checkpoint, "fsdp2-w3");
  });

  for (const [name, what] of [
    ["fsdp2-w4", "of four ranks, some of which hold no row, in bf16"],
    ["hsdp-2x2", "of sharded ranks in two replicas"],
    ["titan-w2", "with the model at the top and a flattened optimizer, as torchtitan saves"],
  ] as const)
    it(`${what}: weights, moments, steps and groups`, async () => {
      await using checkpoint = await openFixture(`dcp/${name}`);
      expect(checkpoint.layout).toBe("dcp");
      await expectWeights(checkpoint, name);
      await expectOptimizer(checkpoint, name);
    });

  it("of FSDP1: flat cuts in the middle of rows", async () => {
    await using weights = await openFixture("dcp/fsdp1-w2/pytorch_model_fsdp_0");
    await expectWeights(weights, "fsdp1-w2");
    await using optimizer = await openFixture("dcp/fsdp1-w2/optimizer_0");
    await expectOptimizer(optimizer, "fsdp1-w2");
  });

  it("cut along two axes", async () => {
    await using checkpoint = await openFixture("dcp/boxes-2x2");
    await expectWeights(checkpoint, "boxes-2x2");
    const chunked = checkpoint.base?.tensors.get("model.embed_tokens.weight");
    const whole = await bytesOf(chunked);
    await chunked?.locate?.();
    // 37 rows in two halves each: each half of a row is a run of its own.
    expect(chunked?.extents).toHaveLength(74);
    for (const [start, length] of [
      [1, 3],
      [30, 70],
      [63, 2],
      [0, whole.length],
      [whole.length - 5, 5],
    ] as const) {
      const part = new Uint8Array(length);
      await chunked?.read(start, part);
      expect(part).toEqual(whole.slice(start, start + length));
    }
  });

  it("with tied weights stores both names in full", async () => {
    await using checkpoint = await openFixture("dcp/fsdp2-w2-tied/pytorch_model_fsdp_0");
    const names = new Map(checkpoint.entries.map(({ tensor }) => [tensor.name, tensor]));
    for (const [name, tensor] of await truthOf("fsdp2-w2-tied", "model"))
      expect(Buffer.compare(await bytesOf(names.get(name)), await bytesOf(tensor)), name).toBe(0);
    const head = checkpoint.base?.tensors.get("lm_head.weight");
    expect(await bytesOf(head)).toEqual(
      await bytesOf(checkpoint.base?.tensors.get("model.embed_tokens.weight")),
    );
  });

  it("carries what else was saved as a document", async () => {
    await using one = await openFixture("dcp/fsdp2-w4");
    expect(one.trainer?.documents.get("dcp.json")).toEqual({
      epoch: 1,
      scheduler: { last_lr: [0.02, 0.02] },
    });
    await using titan = await openFixture("dcp/titan-w2");
    expect(titan.trainer?.documents.get("dcp.json")).toEqual({
      lr_scheduler: { last_epoch: 3 },
      train_state: { step: 3, ntokens_seen: 72 },
    });
  });

  it("reads the metadata of older versions of torch", async () => {
    const tree = await localTree(fixturePath("dcp/hsdp-2x2"));
    const old = readFileSync(fixturePath("dcp/hsdp-2x2/metadata-of-torch-2.1"));
    const open = tree.open.bind(tree);
    tree.open = (path, signal) => open(path === ".metadata" ? "metadata-of-torch-2.1" : path, signal);
    expect(old.includes("sharded_tensor")).toBe(true);
    await using checkpoint = await dcp.open(listedOnce(tree), { formats });
    await expectWeights(checkpoint, "hsdp-2x2");
    await expectOptimizer(checkpoint, "hsdp-2x2");
  });

  it("opens without touching a data file, and gives worker threads the places of bytes on demand", async () => {
    const tree = await localTree(fixturePath("dcp/fsdp2-w3/pytorch_model_fsdp_0"));
    const opened: string[] = [];
    const open = tree.open.bind(tree);
    tree.open = (path, signal) => {
      opened.push(path);
      return open(path, signal);
    };
    await using checkpoint = await dcp.open(tree, { formats });
    expect(opened).toEqual([".metadata"]);
    const tensor = checkpoint.base?.tensors.get("model.embed_tokens.weight");
    expect(tensor?.extents).toBeUndefined();
    await tensor?.locate?.();
    // 37 rows on three ranks.
    expect(tensor?.extents?.map(({ byteLength }) => byteLength / 64)).toEqual([13, 13, 11]);
    const parts = (tensor?.extents ?? []).map(({ path, byteOffset, byteLength }) =>
      readFileSync(path).subarray(byteOffset, byteOffset + byteLength),
    );
    expect(Buffer.compare(Buffer.concat(parts), await bytesOf(tensor))).toBe(0);
    expect((await canonicalTruth("fsdp2-w3")).size).toBe(16);
  });
});
