import { describe, expect, it } from "vitest";
import { memorySink, memoryTree } from "../../src/bytes/index.ts";
import { openFiles } from "./converted.ts";
import { bytesOf, editInMemory } from "./edited.ts";
import { json } from "./golden.ts";
import { fixture, tenon } from "./tenon.ts";

const zero2 = fixture("zero/z2-w2-bf16");
const trainer = fixture("hybrid/qv/trainer-peft/checkpoint-3");
const base = fixture("hybrid/qv/base");

describe("an adapter that is added", () => {
  it("has the shapes of another one, B zero, A seeded, and state like it", async () => {
    const { files, difference } = await editInMemory(trainer, {
      base,
      addAdapters: [{ name: "second", like: "default" }],
    });
    expect(difference).toMatchObject({
      adaptersAdded: [{ name: "second", modules: 4, parameters: 8 }],
      trainedBefore: 29,
      trainedAfter: 37,
      dropped: [],
    });
    await using after = await openFiles(files);
    const [first, second] = [after.adapters.get("default"), after.adapters.get("second")];
    expect([...(second?.modules.keys() ?? [])]).toEqual([...(first?.modules.keys() ?? [])]);
    const drawn = new Set<number>();
    for (const [path, { loraA, loraB }] of second?.modules ?? []) {
      expect(loraA?.shape).toEqual(first?.modules.get(path)?.loraA?.shape);
      expect((await bytesOf(loraB)).every((byte) => byte === 0)).toBe(true);
      const values = new Float32Array((await bytesOf(loraA)).buffer);
      for (const value of values) drawn.add(value);
      expect(Math.max(...values.map(Math.abs))).toBeLessThanOrEqual(1 / Math.sqrt(32));
      expect(Math.max(...values.map(Math.abs))).toBeGreaterThan(0.15);
      const state = after.optimizer?.states.get(`second:${path}.lora_A`);
      expect([...(state?.keys() ?? [])].sort()).toEqual(["exp_avg", "exp_avg_sq", "step"]);
      expect((await bytesOf(state?.get("exp_avg"))).every((byte) => byte === 0)).toBe(true);
    }
    expect(drawn.size).toBeGreaterThan(450);
    expect(second?.config).toEqual(first?.config);
  });

  it("changes nothing of what the model computes", async () => {
    const { files } = await editInMemory(fixture("merge/linear-bf16/adapter"), {
      addAdapters: [{ name: "second", like: "default" }],
      to: "peft",
    });
    const merged = async (choose: readonly { name: string }[]): Promise<ReadonlyMap<string, Uint8Array>> => {
      const output = memorySink();
      await tenon.merge(fixture("base/llama-bf16"), { adapters: [memoryTree(files)], choose, output });
      return new Map([...output.files].filter(([path]) => path.endsWith(".safetensors")));
    };
    expect(await merged([{ name: "default" }, { name: "second" }])).toEqual(
      await merged([{ name: "default" }]),
    );
  });

  it("is made from a config, as PEFT would make it", async () => {
    const config = json("merge/linear-bf16/adapter/adapter_config.json");
    const { files, difference } = await editInMemory(fixture("base/llama-bf16"), {
      addAdapters: [{ name: "fresh", like: config }],
    });
    await using peft = await tenon.open(fixture("merge/linear-bf16/adapter"));
    await using after = await openFiles(files);
    const shapes = (
      modules: NonNullable<ReturnType<typeof after.adapters.get>>["modules"] | undefined,
    ): unknown[] =>
      [...(modules ?? [])].map(([path, { loraA, loraB }]) => [path, loraA?.shape, loraB?.shape]).sort();
    expect(shapes(after.adapters.get("fresh")?.modules)).toEqual(
      shapes(peft.adapters.get("default")?.modules),
    );
    expect(difference.trainedAfter).toBe(0);
    const gpt2 = json("merge/gpt2-conv1d/adapter/adapter_config.json");
    const facts = json("merge/gpt2-conv1d/case.json");
    const turned = await editInMemory(fixture(facts["base"] as string), {
      addAdapters: [{ name: "fresh", like: gpt2 }],
    });
    await using ofPeft = await tenon.open(fixture("merge/gpt2-conv1d/adapter"));
    await using ofOurs = await openFiles(turned.files);
    expect(shapes(ofOurs.adapters.get("fresh")?.modules)).toEqual(
      shapes(ofPeft.adapters.get("default")?.modules),
    );
  });

  it("has a bias where its config says so, on a head too", async () => {
    const base = fixture("base/llama-bf16");
    const like = json("merge/linear-bf16/adapter/adapter_config.json");
    const { files } = await editInMemory(base, {
      addAdapters: [{ name: "fresh", like: { ...like, target_modules: ["lm_head"], lora_bias: true } }],
    });
    await using model = await tenon.open(base);
    await using after = await openFiles(files);
    const [rows = 0, cols = 0] = model.base?.tensors.get("lm_head.weight")?.shape ?? [];
    const head = after.adapters.get("fresh")?.modules.get("lm_head");
    expect([head?.loraA?.shape[1], head?.loraB?.shape[0], head?.loraBias?.shape]).toEqual([
      cols,
      rows,
      [rows],
    ]);
  });

  it("gets masters that its weights were rounded from", async () => {
    const { files } = await editInMemory(zero2, {
      alpha: 4,
      addAdapters: [{ name: "second", like: "default" }],
    });
    const output = memorySink();
    // Refused where a master is not what its weight was rounded from.
    const report = await tenon.convert(memoryTree(files), { output, to: "tenon", fromMaster: true });
    expect(report.adapters.map(({ name }) => name)).toEqual(["default", "second"]);
  });

  it("may be frozen at once, in part: what it starts with is compared with its masters", async () => {
    const { difference } = await editInMemory(zero2, {
      alpha: 4,
      addAdapters: [{ name: "second", like: "default" }],
      freeze: ["second:*.lora_A"],
    });
    expect(difference.frozen.length).toBeGreaterThan(0);
    expect(difference.frozen.every((name) => name.startsWith("second:"))).toBe(true);
    // The seeded values are f32, and the weights that stay are rounded from them.
    expect(difference.rounded).toEqual(difference.frozen);
  });

  it("says what of the other adapter it does not have", async () => {
    const { difference } = await editInMemory(fixture("merge/modules-to-save-norm/adapter"), {
      addAdapters: [{ name: "second", like: "default" }],
    });
    expect(difference.notes.join()).toMatch(
      /has the low-rank pairs of default, and not the \d+ tensors that it carries whole/,
    );
  });
});

describe("an adapter that is removed", () => {
  it("goes with its state; everything else stays", async () => {
    const { files, difference } = await editInMemory(zero2, { removeAdapters: ["default"] });
    expect(difference).toMatchObject({ adaptersRemoved: ["default"], trainedBefore: 17, trainedAfter: 9 });
    expect(difference.dropped).toHaveLength(8 * 5);
    await using before = await tenon.open(zero2);
    await using after = await openFiles(files);
    expect(after.adapters.size).toBe(0);
    const rest = [...(before.optimizer?.states ?? [])].filter(([name]) => !name.startsWith("default:"));
    expect([...(after.optimizer?.states.keys() ?? [])].sort()).toEqual(rest.map(([name]) => name).sort());
    for (const [name, state] of rest)
      for (const [key, tensor] of state)
        expect(await bytesOf(after.optimizer?.states.get(name)?.get(key))).toEqual(await bytesOf(tensor));
    for (const [name, tensor] of before.base?.tensors ?? [])
      expect(await bytesOf(after.base?.tensors.get(name))).toEqual(await bytesOf(tensor));
  });

  it("leaves the others", async () => {
    const added = await editInMemory(zero2, { alpha: 4, addAdapters: [{ name: "second", like: "default" }] });
    const { files } = await editInMemory(memoryTree(added.files), { removeAdapters: ["second"] });
    const plain = await editInMemory(zero2, {
      alpha: 4,
      moves: [{ pattern: "model.norm.weight", paramGroup: 1 }],
    });
    for (const path of [
      "optimizer/optimizer.safetensors",
      "optimizer/optimizer.json",
      "adapters/default/adapter_model.safetensors",
    ])
      expect(files.get(path), path).toEqual(plain.files.get(path));
  });
});
