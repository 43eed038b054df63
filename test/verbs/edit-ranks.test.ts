import { describe, expect, it } from "vitest";
import { memorySink, memoryTree } from "../../src/bytes/index.ts";
import type { Checkpoint, Tensor } from "../../src/core/index.ts";
import { openFiles, refusalOf } from "./converted.ts";
import { bytesOf, editInMemory } from "./edited.ts";
import { json } from "./golden.ts";
import { fixture, tenon } from "./tenon.ts";

const zero2 = fixture("zero/z2-w2-bf16");
const q = "default:model.layers.0.self_attn.q_proj";

type Files = ReadonlyMap<string, Uint8Array>;

async function merged(base: string, adapter: string | ReturnType<typeof memoryTree>): Promise<Files> {
  const output = memorySink();
  await tenon.merge(fixture(base), { adapters: [adapter], output, accumulate: "muladd" });
  return new Map([...output.files].filter(([path]) => path.endsWith(".safetensors")));
}

async function floats(tensor: Tensor | undefined): Promise<Float32Array> {
  return new Float32Array((await bytesOf(tensor)).buffer);
}

const stateOf = (checkpoint: Checkpoint, name: string, key: string): Tensor | undefined =>
  checkpoint.optimizer?.states.get(name)?.get(key);

/** Where a tensor lies in a safetensors file. */
function extentIn(
  bytes: Uint8Array,
  name: string,
): { readonly byteOffset: number; readonly byteLength: number } {
  const length = Number(new DataView(bytes.buffer).getBigUint64(0, true));
  const header = JSON.parse(new TextDecoder().decode(bytes.subarray(8, 8 + length))) as Record<
    string,
    { readonly data_offsets: readonly [number, number] }
  >;
  const [begin = 0, end = 0] = header[name]?.data_offsets ?? [];
  return { byteOffset: 8 + length + begin, byteLength: end - begin };
}

/** Cases of PEFT's, each with another kind of layer, dtype, scaling or pattern; and a rank that is above all of theirs. */
const kinds = [
  "linear-bf16", "linear-bf16-adapter-f16", "linear-f32-adapter-bf16", "linear-f16", "linear-odd", "linear-r1", "rslora",
  "rank-pattern", "rank-pattern-rslora", "gpt2-conv1d", "conv1d", "conv2d", "conv3d", "embedding", "lora-bias", "bias-all",
  "dora-linear", "modules-to-save-norm", "alpha-pattern-order", "token-indices",
]; // biome-ignore format: a list

describe("a rank that grows", () => {
  it.each(kinds)("leaves the merged model to the bit: %s", async (kind) => {
    const facts = json(`merge/${kind}/case.json`);
    const [base, [adapter = ""]] = [facts["base"] as string, facts["adapters"] as string[]];
    await using source = await tenon.open(fixture(adapter));
    const [name = ""] = source.adapters.keys();
    const { files, difference } = await editInMemory(fixture(adapter), {
      loraRanks: [{ adapter: name, loraRank: 37 }],
      to: "peft",
    });
    expect(difference.loraRanks).toMatchObject([{ adapter: name, after: 37, isTruncated: false }]);
    await using grown = await openFiles(files);
    const ranks = [...(grown.adapters.get(name)?.modules.values() ?? [])].map(
      ({ loraA, loraEmbeddingA }) => (loraA ?? loraEmbeddingA)?.shape[0],
    );
    expect(new Set(ranks)).toEqual(new Set([37]));
    const [before, after] = [await merged(base, fixture(adapter)), await merged(base, memoryTree(files))];
    expect([...after.keys()]).toEqual([...before.keys()]);
    for (const [path, bytes] of before)
      expect(Buffer.from(bytes).equals(after.get(path) ?? new Uint8Array()), path).toBe(true);
  });

  it("has new rows of A from the seed, new columns of B and moments zero, and masters alike", async () => {
    const run = (seed: number) =>
      editInMemory(zero2, { alpha: 4, loraRanks: [{ adapter: "default", loraRank: 5 }], seed });
    const { files, difference } = await run(1);
    expect(difference.loraRanks).toEqual([
      { adapter: "default", modules: 4, before: [2], after: 5, loraAlpha: [10], isTruncated: false },
    ]);
    expect(difference.notes.join()).toContain("New ranks of adapter default");
    await using before = await tenon.open(zero2);
    await using after = await openFiles(files);
    for (const [side, axis] of [
      ["lora_A", 0],
      ["lora_B", 1],
    ] as const)
      for (const key of ["fp32", "exp_avg", "exp_avg_sq"]) {
        const old = stateOf(before, `${q}.${side}`, key);
        const now = stateOf(after, `${q}.${side}`, key);
        expect(now?.shape[axis]).toBe(5);
        const [x, y] = [await floats(old), await floats(now)];
        const [cols, wide] = [old?.shape[1] ?? 0, now?.shape[1] ?? 0];
        for (const [at, value] of y.entries()) {
          const [row, col] = [Math.floor(at / wide), at % wide];
          const isNew = axis === 0 ? row >= 2 : col >= 2;
          if (!isNew) expect(value).toBe(x[row * cols + col]);
          else if (key === "fp32" && side === "lora_A") expect(Math.abs(value)).toBeLessThan(0.25);
          else expect(Object.is(value, 0)).toBe(true);
        }
      }
    const a = after.adapters.get("default")?.modules.get("model.layers.0.self_attn.q_proj")?.loraA;
    const weight = new Uint16Array((await bytesOf(a)).buffer);
    const master = await floats(stateOf(after, `${q}.lora_A`, "fp32"));
    const widened = new Float32Array(Uint32Array.from(weight, (bits) => bits * 65536).buffer);
    for (const [at, value] of master.entries())
      expect(Math.abs((widened[at] ?? 0) - value)).toBeLessThanOrEqual(Math.abs(value) / 256);
    expect((await run(1)).files).toEqual(files);
    expect((await run(2)).files).not.toEqual(files);
    expect(new Float32Array((await bytesOf(stateOf(after, `${q}.lora_A`, "step"))).buffer)).toEqual(
      Float32Array.of(3),
    );
  });

  it("keeps weights one with their masters where an engine keeps them so", async () => {
    const { files } = await editInMemory(fixture("zero/z3-w2-bf16"), {
      alpha: 4,
      loraRanks: [{ adapter: "default", loraRank: 3 }],
    });
    await using after = await openFiles(files);
    const weight = after.adapters.get("default")?.modules.get("model.layers.0.self_attn.q_proj")?.loraA;
    expect(weight).toMatchObject({ dtype: "F32", shape: [3, 16] });
    expect(await bytesOf(weight)).toEqual(await bytesOf(stateOf(after, `${q}.lora_A`, "fp32")));
  });

  it("grows the third moment of amsgrad too", async () => {
    const { files } = await editInMemory(fixture("zero/z2-w2-amsgrad"), {
      alpha: 4,
      loraRanks: [{ adapter: "default", loraRank: 3 }],
    });
    await using after = await openFiles(files);
    expect(stateOf(after, `${q}.lora_B`, "max_exp_avg_sq")?.shape).toEqual([16, 3]);
  });
});

describe("a rank that shrinks", () => {
  const shrink = (source: Parameters<typeof editInMemory>[0], loraRank: number, truncate = false) =>
    editInMemory(source, { alpha: 4, loraRanks: [{ adapter: "default", loraRank }], truncate });

  it("gives what was grown back to the bit", async () => {
    const grown = await shrink(zero2, 6);
    const { files, difference } = await editInMemory(memoryTree(grown.files), {
      loraRanks: [{ adapter: "default", loraRank: 2 }],
    });
    expect(difference.loraRanks).toMatchObject([
      { before: [6], after: 2, loraAlpha: [4], isTruncated: false },
    ]);
    await using before = await tenon.open(zero2);
    await using after = await openFiles(files);
    for (const side of ["lora_A", "lora_B"])
      for (const key of ["fp32", "exp_avg", "exp_avg_sq"])
        expect(await bytesOf(stateOf(after, `${q}.${side}`, key))).toEqual(
          await bytesOf(stateOf(before, `${q}.${side}`, key)),
        );
  });

  it("is refused where what is cut off is zero on one side and no number on the other", async () => {
    const { files } = await editInMemory(fixture("merge/linear-r4/adapter"), {
      loraRanks: [{ adapter: "default", loraRank: 5 }],
      to: "peft",
    });
    const path = "adapter_model.safetensors";
    const bytes = new Uint8Array(files.get(path) ?? []);
    await using grown = await openFiles(files);
    const a = [...(grown.adapters.get("default")?.modules.values() ?? [])][0]?.loraA;
    const { byteOffset, byteLength } = extentIn(bytes, a?.name ?? "");
    // The last element of the fifth row, against a column of B that is zero.
    new DataView(bytes.buffer).setUint32(byteOffset + byteLength - 4, 0x7fc00000, true);
    const cut = editInMemory(memoryTree(new Map([...files, [path, bytes]])), {
      loraRanks: [{ adapter: "default", loraRank: 4 }],
    });
    const found = await refusalOf(cut);
    expect([found.code, found.details["modules"]]).toEqual(["TENON_EDIT_RANK_SHRINKS", [expect.any(String)]]);
  });

  it("is refused where what is cut off is not zero, unless that is asked for", async () => {
    const found = await refusalOf(shrink(zero2, 1));
    expect(found).toMatchObject({ code: "TENON_EDIT_RANK_SHRINKS", exitCode: 1 });
    expect(found.details["modules"]).toHaveLength(4);
    const { difference } = await shrink(zero2, 1, true);
    expect(difference.loraRanks).toMatchObject([{ after: 1, isTruncated: true }]);
    expect(difference.notes.join()).toContain("are cut off: the model changes");
  });
});
