import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { memoryTree } from "../../src/bytes/index.ts";
import { isTenonError, type Observation } from "../../src/core/index.ts";
import { formats } from "../../src/formats/index.ts";
import { readMetadata } from "../../src/layouts/dcp/metadata.ts";
import { dcp, type OpenOptions } from "../../src/layouts/index.ts";
import { global, list, str, tuple } from "../pickle/assemble.ts";
import { convertInMemory, refusalOf } from "../verbs/converted.ts";
import { type MetadataParts, metadataOf, placesOf, type TensorParts } from "./dcp-metadata.ts";
import { bytesOf, fixturePath } from "./fixtures.ts";

const whole = (...size: number[]): TensorParts => ({
  size,
  chunks: [{ offsets: size.map(() => 0), sizes: size }],
});
const rows = (total: number, ...cuts: (readonly [from: number, count: number])[]): TensorParts => ({
  size: [total, 2],
  chunks: cuts.map(([from, count]) => ({ offsets: [from, 0], sizes: [count, 2] })),
});

type Files = ReadonlyMap<string, Uint8Array | string>;

const treeOf = (metadata: Uint8Array | undefined, more: Files = new Map()): Files =>
  new Map<string, Uint8Array | string>([
    ["__0_0.distcp", new Uint8Array(2000)],
    ...(metadata === undefined ? [] : ([[".metadata", metadata]] as const)),
    ...more,
  ]);

async function refusal(
  files: Files,
  options: Partial<OpenOptions> = {},
): Promise<{ code: string; message: string }> {
  try {
    await using checkpoint = await dcp.open(memoryTree(new Map(files)), { formats, ...options });
    for (const { tensor } of checkpoint.entries) await bytesOf(tensor);
  } catch (error) {
    if (!isTenonError(error)) throw error;
    return { code: error.code, message: error.message };
  }
  return { code: "none", message: "it was read" };
}

const refusals: readonly (readonly [what: string, parts: MetadataParts, code: string, says: RegExp])[] = [
  ["a major version above 1", { tensors: { w: whole(2, 2) }, version: "2.0.0" }, "TENON_DCP_VERSION", /version 2\.0\.0/],
  ["chunks that leave rows out", { tensors: { w: rows(6, [0, 2], [4, 2]) } }, "TENON_DCP_COVER", /8 of 12 elements/],
  ["chunks that overlap", { tensors: { w: rows(4, [0, 3], [2, 2]) } }, "TENON_DCP_COVER", /overlap/],
  ["a chunk out of bounds", { tensors: { w: rows(4, [0, 2], [2, 3]) } }, "TENON_DCP_COVER", /outside of \[4, 2\]/],
  [
    "a chunk with other axes",
    { tensors: { w: { size: [4, 2], chunks: [{ offsets: [0], sizes: [8] }] } } },
    "TENON_DCP_COVER",
    /outside/,
  ],
  ["no chunk at all", { tensors: { w: { size: [4], chunks: [] } } }, "TENON_DCP_COVER", /0 of 4/],
  [
    "boxes of two axes that overlap",
    {
      tensors: {
        w: {
          size: [4, 4],
          chunks: [
            { offsets: [0, 0], sizes: [4, 2] },
            { offsets: [0, 2], sizes: [2, 2] },
            { offsets: [1, 2], sizes: [2, 2] },
          ],
        },
      },
    },
    "TENON_DCP_COVER",
    /overlap/,
  ],
  ["properties that are not five", { tensors: { w: { ...whole(2), properties: tuple(str("x")) } } }, "TENON_DCP_METADATA", /1 fields, not 5/],
  ["a negative size", { tensors: { w: { size: [-1], chunks: [] } } }, "TENON_DCP_METADATA", /-1, not a count/],
  ["sizes past 2^53", { tensors: { w: { size: [2 ** 30, 2 ** 30], chunks: [] } } }, "TENON_TENSOR_TOO_LARGE", /2\^53/],
  ["a sparse tensor", { tensors: { w: { ...whole(2), layout: "torch.sparse_coo" } } }, "TENON_DCP_TENSOR", /torch\.sparse_coo/],
  [
    "a dtype that safetensors has no word for",
    { tensors: { w: { ...whole(2), dtype: global("torch", "complex128") } } },
    "TENON_DCP_TENSOR",
    /complex128/,
  ],
  ["a chunk without a place", { tensors: { w: rows(4, [0, 2], [2, 2]) }, places: [{ name: "w", offset: [0, 0] }] }, "TENON_DCP_METADATA", /chunk \[2,0\] of "w" has no place/],
  ["a place of nothing", { tensors: { w: whole(2) }, places: [{ name: "w", offset: [0] }, { name: "x", offset: [0] }] }, "TENON_DCP_METADATA", /"x", state_dict_metadata has not/],
  ["more places than chunks", { tensors: { w: whole(2) }, places: [{ name: "w", offset: [0] }, { name: "w", offset: [1] }] }, "TENON_DCP_METADATA", /1 chunks and 2 places/],
  ["an object without a place", { objects: ["o"], places: [] }, "TENON_DCP_METADATA", /"o" has 0 places/],
  ["a path out of the folder", { tensors: { w: whole(2) }, places: [{ name: "w", offset: [0], file: "../__0_0.distcp" }] }, "TENON_PATH_UNSAFE", /\.\./],
  ["an absolute path", { tensors: { w: whole(2) }, places: [{ name: "w", offset: [0], file: "/etc/passwd" }] }, "TENON_PATH_UNSAFE", /passwd/],
  ["a file that is not there", { tensors: { w: whole(2) }, places: [{ name: "w", offset: [0], file: "__1_0.distcp" }] }, "TENON_DCP_FILE_MISSING", /"__1_0.distcp" is not there, and 1 items/],
  ["an item past the end", { tensors: { w: whole(2) }, places: [{ name: "w", offset: [0], byteOffset: 1950 }] }, "TENON_DCP_FILE_SHORT", /2000 bytes, items in it end at 2050/],
  ["items that share bytes", { tensors: { v: whole(2), w: whole(2) }, places: [{ name: "v", offset: [0], byteOffset: 0 }, { name: "w", offset: [0], byteOffset: 99 }] }, "TENON_DCP_OVERLAP", /"v" and "w" share bytes/],
  ["a transform", { tensors: { w: whole(2) }, places: [{ name: "w", offset: [0], transforms: list(str("zstd")) }] }, "TENON_DCP_TRANSFORM", /through zstd/],
  ["a path that is a leaf and a container", { tensors: { a: whole(2), b: whole(2) }, paths: { a: ["m"], b: ["m", "w"] } }, "TENON_DCP_PATHS", /"m" is an item and holds "m"\."w"/],
  ["two items at one path", { tensors: { a: whole(2), b: whole(2) }, paths: { a: ["m"], b: ["m"] } }, "TENON_DCP_PATHS", /two items stand at "m"/],
  ["a list with a gap", { tensors: { a: whole(2), b: whole(2) }, paths: { a: ["m", 0], b: ["m", 2] } }, "TENON_DCP_PATHS", /no item 1 of 3/],
  ["a list of a thousand millions", { tensors: { a: whole(2) }, paths: { a: ["m", 1e9] } }, "TENON_DCP_PATHS", /lists of up to 1000000/],
  ["a list that is a dict too", { tensors: { a: whole(2), b: whole(2) }, paths: { a: ["m", 0], b: ["m", "x"] } }, "TENON_DCP_PATHS", /list and a dict/],
  ["a path of nothing", { tensors: { a: whole(2) }, paths: { a: ["a"], b: ["b"] } }, "TENON_DCP_PATHS", /planner_data has "b"/],
  ["FSDP1's flat buffers", { tensors: { "model.layers.0._flat_param": whole(2) }, paths: { "model.layers.0._flat_param": ["model", "layers.0._flat_param"] } }, "TENON_DCP_FLAT_PARAMETER", /_flat_param/],
  ["an item that is no torch.save file", { tensors: { w: whole(2) } }, "TENON_TORCH_NOT_TORCH", /neither a zip/],
]; // biome-ignore format: one case a line

describe("a distributed checkpoint", () => {
  for (const [what, parts, code, says] of refusals)
    it(`is refused for ${what}`, async () => {
      const found = await refusal(treeOf(metadataOf(parts)));
      expect(found.message).toMatch(says);
      expect(found.code).toBe(code);
    });

  it("is refused without .metadata: the save did not finish", async () => {
    expect(await refusal(treeOf(undefined))).toEqual({
      code: "TENON_DCP_METADATA_MISSING",
      message: expect.stringMatching(/the save did not finish/),
    });
  });

  it("is refused for objects that claim more than is read, when they are wanted", async () => {
    const size = 65 * 1024 * 1024;
    const parts = { objects: ["epoch"], places: [{ name: "epoch", offset: null, byteLength: size }] };
    const found = await refusal(treeOf(metadataOf(parts), new Map([["__0_0.distcp", new Uint8Array(size)]])));
    expect(found.code).toBe("TENON_DCP_OBJECT_TOO_LARGE");
  });

  it("leaves objects among the weights behind, and says so", async () => {
    const paths = { "model.w.weight": ["model", "w.weight"], "model.extra": ["model", "extra"] };
    const parts: MetadataParts = { tensors: { "model.w.weight": whole(2) }, objects: ["model.extra"], paths };
    await using checkpoint = await dcp.open(memoryTree(new Map(treeOf(metadataOf(parts)))), { formats });
    expect(checkpoint.observations).toMatchObject([
      { code: "TENON_DCP_OBJECTS_LEFT", names: ["model.extra"] },
    ]);
  });

  it("keeps `__proto__` and `constructor` as names like any other", async () => {
    const parts: MetadataParts = {
      tensors: { "__proto__.weight": whole(2), "constructor.weight": whole(2) },
      paths: { "__proto__.weight": ["__proto__.weight"], "constructor.weight": ["constructor.weight"] },
    };
    await using checkpoint = await dcp.open(memoryTree(new Map(treeOf(metadataOf(parts)))), { formats });
    expect([...(checkpoint.base?.tensors.keys() ?? [])]).toEqual(["__proto__.weight", "constructor.weight"]);
  });

  it("whose metadata and items are of two saves is refused when a tensor is read", async () => {
    const read = (path: string): Uint8Array => readFileSync(fixturePath(`dcp/fsdp2-w4/${path}`));
    const record = readMetadata(read(".metadata"), ".metadata").tensors.get(
      "model.base_model.model.model.norm.weight",
    );
    const [chunk] = record?.chunks ?? [];
    if (chunk === undefined) throw new Error("the fixture has a norm");
    const { file, byteOffset, byteLength } = chunk.place;
    const refused = (tensor: TensorParts): Promise<{ code: string; message: string }> => {
      const places = [{ name: "w.weight", offset: [0], file, byteOffset, byteLength }];
      const metadata = metadataOf({ tensors: { "w.weight": tensor }, places });
      return refusal(treeOf(metadata, new Map([[file, read(file)]])));
    };
    expect((await refused({ ...whole(4), dtype: global("torch", "bfloat16") })).code).toBe("none");
    const types = await refused({ ...whole(4), dtype: global("torch", "float16") });
    expect(types.message).toMatch(/holds BF16 \[4\], \.metadata says F16 \[4\]/);
    const shapes = await refused({ ...whole(5), dtype: global("torch", "bfloat16") });
    expect(shapes.message).toMatch(/holds BF16 \[4\], \.metadata says BF16 \[5\]/);
    expect([types.code, shapes.code]).toEqual(["TENON_DCP_CHUNK", "TENON_DCP_CHUNK"]);
  });

  it("says what stands beside the model and is not read", async () => {
    const parts: MetadataParts = {
      tensors: { "model.w.weight": whole(2), "rng.state": whole(4) },
      paths: { "model.w.weight": ["model", "w.weight"], "rng.state": ["rng", "state"] },
    };
    await using checkpoint = await dcp.open(memoryTree(new Map(treeOf(metadataOf(parts)))), { formats });
    const left = checkpoint.observations.find(({ code }) => code === "TENON_DCP_OBJECTS_LEFT");
    expect(left?.names).toEqual(["rng.state"]);
    expect([...(checkpoint.base?.tensors.keys() ?? [])]).toEqual(["w.weight"]);
  });

  it("of such state is converted once it was given up by name, or all of it was", async () => {
    const beside = (count: number): MetadataParts => {
      const names = Array.from({ length: count }, (_, at) => `rng.state${at}`);
      return {
        tensors: { "model.w.weight": whole(2), ...Object.fromEntries(names.map((name) => [name, whole(4)])) },
        paths: {
          "model.w.weight": ["model", "w.weight"],
          ...Object.fromEntries(names.map((name) => [name, name.split(".")])),
        },
      };
    };
    const converted = (count: number, ...drop: string[]): Promise<unknown> =>
      convertInMemory(memoryTree(new Map(treeOf(metadataOf(beside(count))))), "state-dict", {
        drop,
        dryRun: true,
      });
    for (const [count, hint] of [
      [1, "Leave it out: --drop rng.state0"],
      [4, "Leave them out: --drop trainer"],
    ] as const)
      expect(await refusalOf(converted(count))).toMatchObject({ code: "TENON_DCP_OBJECTS_LEFT", hint });
    await converted(1, "rng.state0");
    await converted(4, "trainer");
  });

  it("is stepped over where somebody listens: what lies in a missing file is left out", async () => {
    const seen: Observation[] = [];
    const parts: MetadataParts = { tensors: { "v.weight": whole(2), "w.weight": whole(2) } };
    const places = placesOf(parts).map((place, at) => ({ ...place, file: `__${at}_0.distcp` }));
    const tree = memoryTree(new Map(treeOf(metadataOf({ ...parts, places }))));
    await using checkpoint = await dcp.open(tree, { formats, report: (each) => seen.push(each) });
    expect(seen.map(({ code, names }) => [code, names])).toEqual([["TENON_DCP_FILE_MISSING", ["w.weight"]]]);
    expect([...(checkpoint.base?.tensors.keys() ?? [])]).toEqual(["v.weight"]);
  });
});
