import { describe, expect, it } from "vitest";
import { memoryTree } from "../../src/bytes/index.ts";
import type { Draft, JsonRecord, OutputFile, Recipe } from "../../src/core/index.ts";
import { formats } from "../../src/formats/index.ts";
import { readMetadata } from "../../src/layouts/dcp/metadata.ts";
import { arrangeDcp } from "../../src/layouts/dcp/write.ts";
import { dcp } from "../../src/layouts/index.ts";
import { type PickleRecord, PickleTuple, unpickle } from "../../src/pickle/index.ts";
import { kept, patternOf, writeDraft } from "../contract/layout.contract.ts";
import { bytesOf } from "./fixtures.ts";

const record = (fields: object): JsonRecord => Object.assign(Object.create(null), fields) as JsonRecord;

interface Parts {
  readonly tensors: Readonly<Record<string, Recipe>>;
  readonly ties?: Readonly<Record<string, string>>;
  readonly states?: Readonly<Record<string, Readonly<Record<string, Recipe>>>>;
  readonly settings?: object;
  readonly rest?: object;
}

function draftOf({ tensors, ties = {}, states, settings = {}, rest }: Parts): Draft {
  return {
    base: {
      tensors: new Map(Object.entries(tensors)),
      ties: new Map(Object.entries(ties)),
      isComplete: true,
    },
    adapters: [],
    ...(states && {
      optimizer: {
        states: new Map(Object.entries(states).map(([name, own]) => [name, new Map(Object.entries(own))])),
        groups: [{ parameters: Object.keys(states), settings: record(settings) }],
      },
    }),
    ...(rest && { trainer: { documents: new Map([["dcp.json", record(rest)]]) } }),
    companions: [],
    origin: record({}),
  };
}

const arranged = (draft: Draft, maxShardBytes?: number): readonly OutputFile[] =>
  arrangeDcp(draft, maxShardBytes === undefined ? {} : { maxShardBytes });

const weights = { "a.weight": kept("a", [4, 2]), "b.weight": kept("b", [3]) };
const moments = { step: kept("step", []), exp_avg: kept("m", [4, 2]), exp_avg_sq: kept("v", [4, 2]) };

describe("a written checkpoint of torch.distributed.checkpoint", () => {
  it("ends with .metadata, which names every item, its path and its place", () => {
    const files = arranged(
      draftOf({ tensors: weights, states: { "a.weight": moments }, rest: { epoch: 1 } }),
    );
    expect(files.map(({ path }) => path)).toEqual(["__0_0.distcp", ".metadata"]);
    const metadata = readMetadata((files.at(-1) as { bytes: Uint8Array }).bytes, ".metadata");
    expect(metadata.version).toBe("1.0.0");
    expect([...metadata.paths]).toEqual([
      ["model.a.weight", ["model", "a.weight"]],
      ["model.b.weight", ["model", "b.weight"]],
      ...["step", "exp_avg", "exp_avg_sq"].map((key) => [
        `optimizer.state.a.weight.${key}`,
        ["optimizer", "state", "a.weight", key],
      ]),
      ["optimizer.param_groups.0.params", ["optimizer", "param_groups", 0, "params"]],
      ["epoch", ["epoch"]],
    ]);
    const places = [...metadata.tensors.values()].flatMap(({ chunks }) => chunks.map(({ place }) => place));
    for (const [at, { byteOffset, byteLength }] of places.entries())
      expect(places[at + 1]?.byteOffset ?? byteOffset + byteLength).toBe(byteOffset + byteLength);
  });

  it("keeps an optimizer that has no state, as torch saves SGD without momentum", async () => {
    const draft = draftOf({ tensors: weights, states: { "a.weight": {} }, settings: { lr: 1, momentum: 0 } });
    await using opened = await dcp.open(memoryTree(await writeDraft(dcp, draft)), { formats });
    expect(opened.optimizer?.groups).toEqual([
      { parameters: ["a.weight"], settings: record({ lr: 1, momentum: 0 }) },
    ]);
    expect(opened.trainer).toBeUndefined();
  });

  it("names no path of this machine", () => {
    const files = arranged(draftOf({ tensors: weights }));
    const { value, globals } = unpickle((files.at(-1) as { bytes: Uint8Array }).bytes, { file: "x" });
    expect((value as PickleRecord).fields.get("storage_meta")).toBe(null);
    expect([...globals].filter((name) => !name.startsWith("torch"))).toEqual([]);
  });

  it("is divided among data files, where no tensor is cut", () => {
    const files = arranged(draftOf({ tensors: weights, states: { "a.weight": moments } }), 40);
    expect(
      files.map((file) => (file.kind === "tensors" ? file.entries.map(({ name }) => name) : [])),
    ).toEqual([
      ["model.a.weight"],
      ["model.b.weight", "optimizer.state.a.weight.step"],
      ["optimizer.state.a.weight.exp_avg"],
      ["optimizer.state.a.weight.exp_avg_sq"],
      [],
    ]);
  });

  it("holds a tied tensor under both of its names, in full", async () => {
    const files = await writeDraft(dcp, draftOf({ tensors: weights, ties: { "head.weight": "a.weight" } }));
    await using opened = await dcp.open(memoryTree(files), { formats });
    for (const name of ["a.weight", "head.weight"])
      expect(await bytesOf(opened.base?.tensors.get(name))).toEqual(patternOf("a", 32));
  });

  it("keeps settings as torch's optimizers have them", async () => {
    const settings = { lr: 1, betas: [0.9, 1], weight_decay: 0, foreach: null, amsgrad: false, max_iter: 20 };
    const files = arranged(draftOf({ tensors: weights, states: { "a.weight": moments }, settings }));
    const [data] = files;
    const objects = data?.kind === "tensors" ? (data.objects ?? []) : [];
    const [lr, betas, decay, foreach, amsgrad, iterations, params] = objects.slice(-7);
    expect(lr).toEqual({ what: "a float", value: 1 });
    expect(betas).toBeInstanceOf(PickleTuple);
    expect([...(betas as PickleTuple)]).toMatchObject([{ value: 0.9 }, { value: 1 }]);
    expect(decay).toMatchObject({ value: 0 });
    expect([foreach, amsgrad, iterations, params]).toEqual([null, false, 20, ["a.weight"]]);
  });

  it("flattens what else there is as torch does: dicts, and lists only where dicts lie in them", () => {
    const rest = { a: { b: [1, 2] }, c: [{ d: 1 }, [2]], empty: {} };
    const files = arranged(draftOf({ tensors: weights, rest }));
    const { paths } = readMetadata((files.at(-1) as { bytes: Uint8Array }).bytes, ".metadata");
    expect([...paths.values()].slice(2)).toEqual([
      ["a", "b"],
      ["c", 0, "d"],
      ["c", 1],
    ]);
  });
});

describe("what DCP cannot hold", () => {
  const refusals: readonly (readonly [what: string, draft: Draft, code: string, says: RegExp])[] = [
    [
      "state of a parameter that the model lacks",
      draftOf({ tensors: weights, states: { "c.weight": moments } }),
      "TENON_OPTIMIZER_NOT_IN_MODEL",
      /c\.weight/,
    ],
    [
      "a document with a value where the model is",
      draftOf({ tensors: weights, rest: { model: 3 } }),
      "TENON_DCP_NAMES_CLASH",
      /"model" would be a value and hold others/,
    ],
    [
      "two items of one name",
      draftOf({ tensors: weights, rest: { "model.a": { weight: 3 } } }),
      "TENON_DCP_NAMES_CLASH",
      /two items would be named "model\.a\.weight"/,
    ],
    [
      "a dtype that torch lacks",
      draftOf({ tensors: { w: kept("w", [4], "F6_E2M3") } }),
      "TENON_TORCH_DTYPE_UNWRITABLE",
      /F6_E2M3/,
    ],
    [
      "part of a base",
      {
        ...draftOf({ tensors: weights }),
        base: { ...draftOf({ tensors: weights }).base, isComplete: false } as never,
      },
      "TENON_LAYOUT_NEEDS_WHOLE_BASE",
      /dcp: needs a whole base/,
    ],
  ];
  it.each(refusals)("%s is refused", (_, draft, code, says) => {
    let found: { code?: string; message?: string } = {};
    try {
      arranged(draft);
    } catch (error) {
      found = error as typeof found;
    }
    expect(found.code).toBe(code);
    expect(found.message).toMatch(says);
  });
});
