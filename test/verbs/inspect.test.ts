import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { type ByteSource, memoryTree, type SourceTree } from "../../src/bytes/index.ts";
import type { AdapterInspection, Inspection } from "../../src/verbs/index.ts";
import { put, scratch } from "../bytes/node/scratch.ts";
import { fixture, tenon } from "./tenon.ts";

const adapterOf = async (path: string): Promise<AdapterInspection> => {
  const { adapters } = await tenon.inspect(fixture(path));
  expect(adapters).toHaveLength(1);
  return adapters[0] as AdapterInspection;
};

describe("a checkpoint", () => {
  it("is said to be a whole base, counted by kind and dtype", async () => {
    const found = await tenon.inspect(fixture("base/llama-tied-bf16"));
    expect(found).toMatchObject({
      layout: "hf",
      adapters: [],
      optimizer: null,
      trainer: null,
      observations: [],
    });
    expect(found.base).toMatchObject({
      tensors: 20,
      isComplete: true,
      modelType: "llama",
      ties: [{ alias: "lm_head.weight", owner: "model.embed_tokens.weight" }],
      byDtype: [{ dtype: "BF16", tensors: 20 }],
    });
    const kinds = found.base?.kinds ?? [];
    expect(kinds.find(({ kind }) => kind === "model.layers.*.mlp.up_proj.weight")).toMatchObject({
      tensors: 2,
      parameters: 2816,
      bytes: 5632,
    });
    expect(kinds.reduce((sum, { tensors }) => sum + tensors, 0)).toBe(20);
  });

  it("that was saved raw has both halves, and what was noticed", async () => {
    const found = await tenon.inspect(fixture("hybrid/qv/state-dict-pt"));
    expect(found.base).toMatchObject({ tensors: 21, isComplete: true });
    expect(found.adapters).toMatchObject([{ name: "default", configFrom: null, scalings: null, modules: 4 }]);
    expect(found.observations.map(({ code, count }) => [code, count])).toEqual([
      ["TENON_NAMES_BASE_LAYER", 4],
      ["TENON_ADAPTER_CONFIG_MISSING", 4],
    ]);
    for (const { meaning } of found.observations) expect(meaning).not.toBeNull();
  });

  it("of the Trainer has an optimizer and says how far it was", async () => {
    const found = await tenon.inspect(fixture("hybrid/qv/trainer-peft/checkpoint-3"));
    expect(found.optimizer).toMatchObject({
      file: "optimizer.pt",
      states: 29,
      stateNames: [
        { name: "step", count: 29 },
        { name: "exp_avg", count: 29 },
        { name: "exp_avg_sq", count: 29 },
      ],
      groups: [{ parameters: 8 + 16 }, { parameters: 5 }],
    });
    expect(found.trainer).toMatchObject({
      documents: ["trainer_state.json", "rng_state.pth", "scheduler.pt"],
      step: 3,
      epoch: 1,
    });
    expect(found.observations.map(({ code }) => code)).toEqual(["TENON_TRAINED_BASE_LOST"]);
  });

  it("names the classes of a pickle that were not run", async () => {
    // The fixture's argparse.Namespace is a known record; under a name of the same length it is anybody's class.
    const bytes = withoutChecksums(await readFile(fixture("torch/unknown-global/model.pt")));
    bytes.write("my_class", bytes.indexOf("argparse"), "latin1");
    await using place = await scratch();
    const { base, observations } = await tenon.inspect(await put(place.path, "model.pt", bytes));
    expect(base?.tensors).toBe(1);
    expect(observations).toMatchObject([
      { code: "TENON_PICKLE_OPAQUE", names: ["my_class Namespace"], facts: [{ file: "model.pt" }] },
    ]);
  });

  it("at an address that is not read is refused by its scheme, not taken for a path", async () => {
    for (const source of ["hf://org/name", "s3://bucket/run", "file:///tmp/x"])
      await expect(tenon.inspect(source)).rejects.toMatchObject({ code: "TENON_SOURCE_SCHEME", exitCode: 4 });
  });

  it("is plain data, the same after JSON", async () => {
    const paths = ["hybrid/qv/trainer-peft/checkpoint-3", "refuse/ia3", "merge/two-adapters/adapter"];
    for (const path of paths) {
      const found = await tenon.inspect(fixture(path), { tensors: true });
      expect(JSON.parse(JSON.stringify(found))).toEqual(found);
    }
  });

  it("lists every stored tensor when asked, with the name that all layouts share", async () => {
    const { tensors } = await tenon.inspect(fixture("hybrid/qv/state-dict-pt"), { tensors: true });
    expect(tensors).toHaveLength(29);
    expect(tensors).toContainEqual({
      name: "base_model.model.model.layers.1.self_attn.v_proj.lora_B.default.weight",
      role: "loraB",
      canonicalName: "default:model.layers.1.self_attn.v_proj.lora_B",
      dtype: "F32",
      shape: [16, 4],
      bytes: 256,
      file: "model.pt",
    });
  });

  it("is told from metadata alone", async () => {
    const tree = memoryTree(new Map([["model.safetensors", plain({ w: [500_000] })]]));
    const ends: number[] = [];
    const listening: SourceTree = {
      location: tree.location,
      isSingleFile: false,
      list: () => tree.list(),
      find: (path) => tree.find(path),
      close: () => tree.close(),
      open: async (path) => {
        const source = await tree.open(path);
        const { location, byteLength } = source;
        const read: ByteSource["read"] = (byteOffset, into, signal) => {
          ends.push(byteOffset + into.length);
          return source.read(byteOffset, into, signal);
        };
        return { path, location, byteLength, read, close: () => source.close() };
      },
    };
    expect((await tenon.inspect(listening)).base?.bytes).toBe(1_000_000);
    expect(ends.length).toBeGreaterThan(0);
    // A reader asks for a little more than the header, so that most files take one read.
    expect(Math.max(...ends)).toBeLessThanOrEqual(64 * 1024);
  });
});

describe("an adapter", () => {
  it("has its rank, alpha, scaling and targets", async () => {
    expect(await adapterOf("merge/linear-bf16/adapter")).toMatchObject({
      configFrom: "adapter_config.json",
      type: "LORA",
      problem: null,
      useRslora: false,
      useDora: false,
      initialisation: null,
    });
    const patterned = await adapterOf("merge/rank-pattern-rslora/adapter");
    expect(patterned).toMatchObject({
      useRslora: true,
      loraAlpha: 8,
      ranks: [
        { value: 4, modules: 2 },
        { value: 9, modules: 2 },
      ],
      targets: [
        { name: "q_proj", modules: 2 },
        { name: "v_proj", modules: 2 },
      ],
    });
    expect(patterned.scalings).toEqual([
      { value: 4, modules: 2 },
      { value: 8 / 3, modules: 2 },
    ]);
  });

  it.each([
    ["merge/dora-linear/adapter", { useDora: true }],
    ["merge/lora-bias/adapter", { hasLoraBias: true }],
    ["merge/init-pissa/adapter", { initialisation: "pissa" }],
    ["merge/token-indices/adapter", { tokenRows: [{ module: "model.embed_tokens", rows: 3 }] }],
    [
      "merge/embedding/adapter",
      { replaced: [{ kind: "embedding", count: 1, names: ["model.embed_tokens.weight"] }] },
    ],
    ["merge/bias-all/adapter", { replaced: [{ kind: "bias", count: 14 }] }],
  ])("%s is told by what is special", async (path, special) => {
    expect(await adapterOf(path)).toMatchObject(special);
  });

  it("of another type is described, with the reason that it cannot be used", async () => {
    const found = await tenon.inspect(fixture("refuse/ia3"));
    expect(found.adapters).toMatchObject([
      { type: "IA3", modules: 0, problem: { code: "TENON_ADAPTER_TYPE" } },
    ]);
    expect(found.others).toMatchObject([{ role: "foreign", count: 4 }]);
  });

  it("of several keeps the order of the source", async () => {
    const { adapters } = await tenon.inspect(fixture("merge/two-adapters/adapter"));
    expect(adapters.map(({ name }) => name)).toEqual(["default", "second"]);
  });

  it("without a config gets scaling from a given alpha", async () => {
    const { adapters } = await tenon.inspect(fixture("hybrid/qv/state-dict-pt"), { alpha: 8 });
    expect(adapters).toMatchObject([{ loraAlpha: 8, scalings: [{ value: 2, modules: 4 }] }]);
  });
});

describe("what moved", () => {
  const moved = async (path: string, base: string): Promise<NonNullable<Inspection["moved"]>> => {
    const found = await tenon.inspect(fixture(path), { base: fixture(base) });
    return found.moved as NonNullable<Inspection["moved"]>;
  };

  it("is every parameter of a fully trained base", async () => {
    const all = await moved("hybrid/qv/state-dict-pt", "hybrid/qv/base");
    expect(all).toMatchObject({
      compared: 21,
      changed: 21,
      equal: 0,
      addedNames: [],
      missingNames: [],
      reshaped: [],
    });
  });

  it("is nothing against itself", async () => {
    const none = await moved("base/llama-tied-bf16", "base/llama-tied-bf16");
    expect(none).toMatchObject({ compared: 20, changed: 0, equal: 20, changedNames: [], missingNames: [] });
  });

  it("is, after a merge, what the adapter targets", async () => {
    const targets = await moved("merge/linear-bf16/expected", "base/llama-bf16");
    expect(targets.kinds.filter(({ changed }) => changed > 0)).toEqual(
      ["down", "gate", "up"]
        .map((name) => ({ kind: `model.layers.*.mlp.${name}_proj.weight`, compared: 2, changed: 2 }))
        .concat(
          ["k", "o", "q", "v"].map((name) => ({
            kind: `model.layers.*.self_attn.${name}_proj.weight`,
            compared: 2,
            changed: 2,
          })),
        ),
    );
    expect(targets).toMatchObject({ changed: 14, equal: 7 });
    expect(targets.changedNames).toContain("model.layers.1.self_attn.q_proj.weight");
  });

  it("includes the base parameters that an adapter carries", async () => {
    const carried = await moved("merge/modules-to-save-norm/adapter", "base/llama-small-bf16");
    expect(carried.compared).toBe(6);
    expect(carried.missingNames).toEqual([]);
  });

  it("names parameters that are added, missing or of another shape", async () => {
    await using place = await scratch();
    const names = { a: [2], b: [3], c: [4] };
    const other = { a: [2], b: [5], d: [4] };
    await put(place.path, "one/model.safetensors", plain(names));
    await put(place.path, "other/model.safetensors", plain(other));
    const { moved: found } = await tenon.inspect(join(place.path, "one"), {
      base: join(place.path, "other"),
    });
    expect(found).toMatchObject({
      compared: 1,
      equal: 1,
      addedNames: ["c"],
      missingNames: ["d"],
      reshaped: [{ name: "b", shape: [3], baseShape: [5] }],
    });
  });

  it("cannot be told against an adapter", async () => {
    await expect(moved("hybrid/qv/state-dict-pt", "merge/linear-bf16/adapter")).rejects.toMatchObject({
      code: "TENON_BASE_ABSENT",
    });
  });
});

/** Zeroes in the place of every checksum of a zip archive, as older versions of torch left them. */
function withoutChecksums(archive: Buffer): Buffer {
  for (const [signature, at] of [
    ["PK\x01\x02", 16],
    ["PK\x03\x04", 14],
    ["PK\x07\x08", 4],
  ] as const)
    for (let found = archive.indexOf(signature, 0, "latin1"); found !== -1; ) {
      archive.writeUInt32LE(0, found + at);
      found = archive.indexOf(signature, found + 1, "latin1");
    }
  return archive;
}

function plain(shapes: Readonly<Record<string, readonly number[]>>): Uint8Array {
  let end = 0;
  const header = JSON.stringify(
    Object.fromEntries(
      Object.entries(shapes).map(([name, shape]) => {
        const begin = end;
        end += 2 * shape.reduce((product, size) => product * size, 1);
        return [name, { dtype: "BF16", shape, data_offsets: [begin, end] }];
      }),
    ),
  );
  const bytes = new Uint8Array(8 + header.length + end);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(header.length), true);
  bytes.set(new TextEncoder().encode(header), 8);
  return bytes;
}
