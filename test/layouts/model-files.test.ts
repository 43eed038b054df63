import { describe, expect, it } from "vitest";
import { memoryTree } from "../../src/bytes/index.ts";
import { isTenonError, type Observation } from "../../src/core/index.ts";
import { formats, safetensors } from "../../src/formats/index.ts";
import { detectLayout, hf, layouts } from "../../src/layouts/index.ts";
import { assemble } from "../contract/format.contract.ts";

function shard(...names: string[]): Uint8Array {
  const layout = safetensors.layOut?.(
    names.map((name) => ({ name, dtype: "F32", shape: [2] })),
    {},
  );
  if (layout === undefined) throw new Error("safetensors writes");
  return assemble(layout, (_, length) => new Uint8Array(length));
}

const config = '{"model_type": "llama"}';
const one = "model-00001-of-00002.safetensors";
const two = "model-00002-of-00002.safetensors";
const index = (map: Record<string, unknown>): string => JSON.stringify({ metadata: {}, weight_map: map });

type Files = Record<string, Uint8Array | string>;
const treeOf = (files: Files) => memoryTree(new Map(Object.entries({ "config.json": config, ...files })));

async function codeOf(files: Files): Promise<string> {
  const error = await hf.open(treeOf(files), { formats }).then(
    () => undefined,
    (reason: unknown) => reason,
  );
  return isTenonError(error) ? error.code : `no refusal: ${String(error)}`;
}

/** Opens with somebody listening for damage. */
async function reported(files: Files): Promise<{ damage: string[]; names: string[]; noted: string[] }> {
  const damage: Observation[] = [];
  await using checkpoint = await hf.open(treeOf(files), { formats, report: (seen) => damage.push(seen) });
  return {
    damage: damage.map(({ code, names }) => `${code} ${names.join(",")}`),
    names: [...(checkpoint.base?.tensors.keys() ?? [])],
    noted: checkpoint.observations.map(({ code, names }) => `${code} ${names.join(",")}`),
  };
}

describe("the files of a model", () => {
  it("are read by their index, and divided as they were", async () => {
    const files = {
      [one]: shard("a.weight", "b.weight"),
      [two]: shard("c.weight"),
      "model.safetensors.index.json": index({ "a.weight": one, "b.weight": one, "c.weight": two }),
    };
    await using checkpoint = await hf.open(treeOf(files), { formats });
    expect([...(checkpoint.base?.shards ?? [])]).toEqual([
      [one, ["a.weight", "b.weight"]],
      [two, ["c.weight"]],
    ]);
    expect(checkpoint.observations).toEqual([]);
  });

  it("are read without an index when their numbers are complete", async () => {
    expect((await reported({ [one]: shard("a.weight"), [two]: shard("b.weight") })).names).toEqual([
      "a.weight",
      "b.weight",
    ]);
    const gap = { [two]: shard("b.weight") };
    expect(await codeOf(gap)).toBe("TENON_SHARD_MISSING");
    expect((await reported(gap)).damage).toEqual([`TENON_SHARD_MISSING ${one}`]);
    const mixed = { [one]: shard("a.weight"), "model-00001-of-00003.safetensors": shard("b.weight") };
    expect(await codeOf(mixed)).toBe("TENON_SHARD_COUNTS_DIFFER");
  });

  it("must all be there that the index names", async () => {
    const files = {
      [one]: shard("a.weight"),
      "model.safetensors.index.json": index({ "a.weight": one, "b.weight": two }),
    };
    expect(await codeOf(files)).toBe("TENON_SHARD_MISSING");
    expect(await reported(files)).toEqual({
      damage: [`TENON_SHARD_MISSING ${two}`],
      names: ["a.weight"],
      noted: [],
    });
  });

  it("must hold what the index says; what it forgets is noted", async () => {
    const files = {
      [one]: shard("a.weight", "extra.weight"),
      "model.safetensors.index.json": index({ "a.weight": one, "gone.weight": one }),
    };
    expect(await codeOf(files)).toBe("TENON_INDEX_TENSOR_ABSENT");
    expect(await reported(files)).toEqual({
      damage: ["TENON_INDEX_TENSOR_ABSENT gone.weight"],
      names: ["a.weight", "extra.weight"],
      noted: ["TENON_INDEX_TENSOR_UNLISTED extra.weight"],
    });
  });

  it("must not hold a tensor twice", async () => {
    const files = { [one]: shard("a.weight"), [two]: shard("a.weight") };
    expect(await codeOf(files)).toBe("TENON_SHARD_DUPLICATE_TENSOR");
    expect((await reported(files)).damage).toEqual(["TENON_SHARD_DUPLICATE_TENSOR a.weight"]);
  });

  it("are chosen as transformers chooses, and the others are named", async () => {
    const files = {
      "model.safetensors": shard("a.weight"),
      [one]: shard("b.weight"),
      [two]: shard("c.weight"),
    };
    expect(await reported(files)).toEqual({
      damage: [],
      names: ["a.weight"],
      noted: [`TENON_WEIGHTS_PASSED_OVER ${one},${two}`],
    });
  });

  it("cannot lie outside of the directory", async () => {
    for (const path of ["../secret.safetensors", "/etc/passwd", "a\\b", "a/../b", "c:x", "", "nul\0"]) {
      const files = { "model.safetensors.index.json": index({ "a.weight": path }) };
      expect(await codeOf(files), path).toBe("TENON_PATH_UNSAFE");
    }
  });

  it("are refused with an index that is none", async () => {
    for (const text of ['{"weight_map": []}', "{}", '{"weight_map": {"a": 1}}']) {
      expect(await codeOf({ "model.safetensors.index.json": text }), text).toBe("TENON_INDEX_MALFORMED");
    }
    expect(await codeOf({ "model.safetensors.index.json": "{" })).toBe("TENON_JSON_SYNTAX");
  });

  it("take names that JavaScript objects have for names like any other", async () => {
    const files = {
      [one]: shard("__proto__", "constructor"),
      "model.safetensors.index.json": `{"weight_map": {"__proto__": "${one}", "constructor": "${one}"}}`,
    };
    expect((await reported(files)).names.sort()).toEqual(["__proto__", "constructor"]);
  });

  it("leave every opened file closed when opening fails", async () => {
    const tree = treeOf({ [one]: shard("a.weight"), [two]: new Uint8Array(3) });
    let open = 0;
    const counting = {
      location: tree.location,
      isSingleFile: false,
      list: () => tree.list(),
      find: (path: string) => tree.find(path),
      close: () => tree.close(),
      open: async (path: string) => {
        const source = await tree.open(path);
        open++;
        const close = async (): Promise<void> => {
          open--;
          await source.close();
        };
        return {
          path: source.path,
          location: source.location,
          byteLength: source.byteLength,
          read: source.read.bind(source),
          close,
        };
      },
    };
    const { layout } = await detectLayout(counting, layouts);
    await expect(layout.open(counting, { formats })).rejects.toSatisfy(isTenonError);
    expect(open).toBe(0);
  });
});
