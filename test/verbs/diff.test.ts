import { describe, expect, it } from "vitest";
import { memoryTree, type SourceTree } from "../../src/bytes/index.ts";
import { isTenonError } from "../../src/core/index.ts";
import type { DiffReport, TensorDifference } from "../../src/verbs/index.ts";
import { entry, fileOf } from "../formats/safetensors/file.ts";
import { json, valuesOf } from "./golden.ts";
import { fixture, tenon } from "./tenon.ts";

const between = (a: string, b: string): Promise<DiffReport> => tenon.diff(fixture(a), fixture(b));
const row = (report: DiffReport, name: string): TensorDifference => {
  const found = report.tensors.find((each) => each.name === name);
  if (found === undefined) throw new Error(`no row ${name}`);
  return found;
};

describe("the difference of a base and its merge", () => {
  const [base, merged] = ["base/llama-bf16", "merge/linear-bf16/expected"];

  it("has the numbers of a plain loop, tensor by tensor, in layers and in kinds", async () => {
    const report = await between(base, merged);
    await using a = await tenon.open(fixture(base));
    await using b = await tenon.open(fixture(merged));
    const squares = { all: 0, layer: 0, kind: 0 };
    for (const [name, tensor] of a.base?.tensors ?? []) {
      const ours = await valuesOf(tensor);
      const theirs = await valuesOf(b.base?.tensors.get(name) as typeof tensor);
      let [different, maxAbs, sum, own] = [0, 0, 0, 0];
      for (const [i, value] of ours.entries()) {
        const by = (theirs[i] as number) - value;
        if (by !== 0) different += 1;
        maxAbs = Math.max(maxAbs, Math.abs(by));
        sum += by * by;
        own += value * value;
      }
      const found = row(report, name);
      expect([found.status, found.changedElements, found.maxAbs], name).toEqual([
        different === 0 ? "equal" : "changed",
        different,
        maxAbs,
      ]);
      expect(found.norm, name).toBeCloseTo(Math.sqrt(sum), 9);
      expect(found.relativeNorm, name).toBeCloseTo(Math.sqrt(sum / own), 9);
      squares.all += sum;
      if (name.startsWith("model.layers.1.")) squares.layer += sum;
      if (name.includes(".q_proj.")) squares.kind += sum;
    }
    expect(report.isEqual).toBe(false);
    expect(report.byStatus).toEqual({ equal: 7, changed: 14, dtype: 0, shape: 0, added: 0, missing: 0 });
    expect(report.components[0]?.norm).toBeCloseTo(Math.sqrt(squares.all), 9);
    const layer = report.layers.find(({ name }) => name === "model.layers.1");
    expect(layer?.norm).toBeCloseTo(Math.sqrt(squares.layer), 9);
    const kind = report.kinds.find(({ name }) => name === "q_proj");
    expect([kind?.tensors, kind?.component]).toEqual([2, "base"]);
    expect(kind?.norm).toBeCloseTo(Math.sqrt(squares.kind), 9);
    expect(report.layers.map(({ name }) => name)).toEqual([null, "model.layers.0", "model.layers.1"]);
  });

  it("is plain data that survives JSON", async () => {
    const report = await between(base, merged);
    expect(JSON.parse(JSON.stringify(report))).toEqual(report);
  });
});

describe("the difference of two layouts of one hybrid", () => {
  it.each(["state-dict-safetensors", "state-dict-bin", "state-dict-legacy", "accelerator-save-model"])(
    "is nothing: a torch file and %s",
    async (other) => {
      const report = await between("hybrid/qv/state-dict-pt", `hybrid/qv/${other}`);
      expect(report.isEqual).toBe(true);
      expect(report.components.map(({ component, tensors }) => [component, tensors])).toEqual([
        ["adapter:default", 8],
        ["base", 21],
      ]);
    },
  );

  it("leaves to the base what a checkpoint of the adapter alone does not hold", async () => {
    const report = await between("hybrid/qv/state-dict-pt", "hybrid/qv/trainer-peft/checkpoint-3");
    expect(report.byStatus).toMatchObject({ equal: 8, missing: 0 });
    expect([report.leftToBase, report.isEqual]).toEqual([21, false]);
    expect(report.notCompared).toEqual(["optimizer", "trainer"]);
  });
});

describe("what has no counterpart", () => {
  it("is missing from B, or added by it, adapter by adapter", async () => {
    const [two, one] = ["merge/two-adapters/adapter", "merge/two-adapters/adapter/second"];
    const statuses = (report: DiffReport) =>
      report.components.map(({ component, byStatus }) => [component, byStatus.missing, byStatus.added]);
    expect(statuses(await between(two, one))).toContainEqual(["adapter:second", 8, 0]);
    expect(statuses(await between(one, two))).toContainEqual(["adapter:second", 0, 8]);
  });

  it("is the other name's adapter, where each side has one", async () => {
    const report = await between("merge/linear-bf16/adapter", "merge/named-adapter/adapter");
    expect(report.adapterPairs).toEqual([{ a: "default", b: "poet" }]);
    expect(report.byStatus).toMatchObject({ shape: 8, missing: 20, added: 0 });
  });

  it("is a tensor of another shape, and neither counted nor measured", async () => {
    const facts = json("merge/embeddings-resized/case.json");
    const report = await between(facts["base"] as string, "merge/embeddings-resized/expected");
    const embedding = row(report, "model.embed_tokens.weight");
    expect([embedding.status, embedding.changedElements, embedding.norm]).toEqual(["shape", null, null]);
    expect(embedding.a?.shape).not.toEqual(embedding.b?.shape);
    const kind = report.kinds.find(({ name }) => name === "embed_tokens");
    expect([kind?.byStatus.shape, kind?.changedElements, kind?.norm]).toEqual([1, null, null]);
  });

  it("is not a tied head that only one side stores: it is compared with the embedding", async () => {
    await using tied = await tenon.open(fixture("base/llama-tied-bf16"));
    const embedding = tied.base?.tensors.get("model.embed_tokens.weight");
    const bytes = new Uint8Array(embedding?.byteLength ?? 0);
    await embedding?.read(0, bytes);
    const shape = embedding?.shape ?? [];
    const untied = weights({ name: "lm_head.weight", dtype: "BF16", shape, bytes });
    const report = await tenon.diff(fixture("base/llama-tied-bf16"), untied);
    expect(row(report, "lm_head.weight").status).toBe("equal");
    expect(row(report, "lm_head.weight").a?.name).toBe("model.embed_tokens.weight");
  });
});

describe("values that JSON cannot hold", () => {
  it.each(["d21-nan", "d21-inf"])("leave a count and no norm: %s", async (damaged) => {
    const report = await between("damaged/whole", `damaged/${damaged}`);
    const changed = report.tensors.filter(({ status }) => status === "changed");
    expect(changed).toHaveLength(1);
    expect(changed[0]).toMatchObject({ changedElements: 1, maxAbs: null, norm: null, relativeNorm: null });
    expect(JSON.parse(JSON.stringify(report))).toEqual(report);
  });
});

interface StoredTensor {
  readonly name: string;
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly bytes: Uint8Array;
}

function weights({ name, dtype, shape, bytes }: StoredTensor): SourceTree {
  const file = fileOf(`{${entry(name, dtype, shape, 0, bytes.length)}}`, bytes);
  return memoryTree(new Map([["model.safetensors", file]]));
}

describe("tensors of other dtypes and many blocks", () => {
  const values = Float32Array.from({ length: 300 * 1003 }, (_, i) => (i % 97) - 48);
  const single = new Uint8Array(values.buffer);
  const half = new Uint8Array(Uint16Array.from(new Uint32Array(values.buffer), (bits) => bits >>> 16).buffer);
  const stored = (dtype: string, bytes: Uint8Array): StoredTensor => ({
    name: "w.weight",
    dtype,
    shape: [300, 1003],
    bytes,
  });

  it("are compared by value where both are floats", async () => {
    // Whole numbers below 128 are exact in BF16.
    const same = await tenon.diff(weights(stored("F32", single)), weights(stored("BF16", half)));
    expect(same.tensors[0]).toMatchObject({ status: "dtype", changedElements: 0, maxAbs: 0, norm: 0 });
    expect(same.isEqual).toBe(false);
    const changed = single.slice();
    new DataView(changed.buffer).setFloat32(4 * 77, 1000, true);
    const other = await tenon.diff(weights(stored("BF16", half)), weights(stored("F32", changed)));
    expect(other.tensors[0]).toMatchObject({ status: "dtype", changedElements: 1 });
    expect(other.tensors[0]?.norm).toBe(1000 - ((77 % 97) - 48));
  });

  it("are said to have another dtype, without numbers, where one is no float", async () => {
    const report = await tenon.diff(weights(stored("F32", single)), weights(stored("I32", single)));
    expect(report.tensors[0]).toMatchObject({ status: "dtype", changedElements: null, norm: null });
    expect(report.kinds[0]).toMatchObject({ changedElements: null, norm: null });
  });

  it("have the norm of the whole tensor below the line, though one block differs", async () => {
    const changed = single.slice();
    new DataView(changed.buffer).setFloat32(4 * 200_000, 1000, true);
    const report = await tenon.diff(weights(stored("F32", single)), weights(stored("F32", changed)));
    const own = Math.sqrt(values.reduce((sum, value) => sum + value * value, 0));
    const by = 1000 - ((200_000 % 97) - 48);
    expect(report.tensors[0]).toMatchObject({ status: "changed", changedElements: 1, maxAbs: by, norm: by });
    expect(report.tensors[0]?.relativeNorm).toBeCloseTo(by / own, 12);
  });
});

describe("a source that cannot be read", () => {
  it.each([
    ["damaged/shard-truncated", "TENON_SAFETENSORS_TRUNCATED"],
    ["no/such/place", "TENON_SOURCE_NOT_FOUND"],
  ])("stops it: %s", async (path, code) => {
    const error = await between("damaged/whole", path).catch((reason: unknown) => reason);
    expect(isTenonError(error) && error.code).toBe(code);
  });
});
