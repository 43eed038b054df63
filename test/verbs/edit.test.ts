import { describe, expect, it } from "vitest";
import { memoryTree } from "../../src/bytes/index.ts";
import type { Checkpoint, Tensor } from "../../src/core/index.ts";
import { openFiles, refusalOf, splitInMemory } from "./converted.ts";
import { bytesOf, editInMemory } from "./edited.ts";
import { fixture, tenon } from "./tenon.ts";

const zero2 = fixture("zero/z2-w2-bf16");
const trainer = fixture("hybrid/qv/trainer-peft/checkpoint-3");
const base = fixture("hybrid/qv/base");
const norm = "model.layers.0.input_layernorm.weight";
const key0 = "model.layers.0.self_attn.k_proj.weight";

/** Every tensor of weights and optimizer, by a name that says what it is. */
function tensorsOf({ base: model, adapters, optimizer }: Checkpoint): Map<string, Tensor> {
  const found = new Map(model?.tensors);
  for (const { name, entries } of adapters.values())
    for (const { tensor, meaning } of entries) found.set(`${name}:${meaning.module}.${meaning.role}`, tensor);
  for (const [name, state] of optimizer?.states ?? [])
    for (const [key, tensor] of state) found.set(`${name}/${key}`, tensor);
  return found;
}

/** Names of tensors whose bytes, dtype or shape differ, or that only one of two has. */
async function changedBetween(before: Checkpoint, after: Checkpoint): Promise<string[]> {
  const [a, b] = [tensorsOf(before), tensorsOf(after)];
  const changed: string[] = [];
  for (const name of new Set([...a.keys(), ...b.keys()])) {
    const [x, y] = [a.get(name), b.get(name)];
    const isSame =
      x !== undefined &&
      y !== undefined &&
      x.dtype === y.dtype &&
      String(x.shape) === String(y.shape) &&
      Buffer.from(await bytesOf(x)).equals(await bytesOf(y));
    if (!isSame) changed.push(name);
  }
  return changed.sort();
}

const states = (name: string, keys = ["exp_avg", "exp_avg_sq", "fp32", "step"]): string[] =>
  keys.map((key) => `${name}/${key}`);

/** A tenon checkpoint of the ZeRO fixture, as files. */
const asTenon = async () => memoryTree((await splitInMemory(zero2)).files);

describe("freezing", () => {
  const sources = [
    { of: "ZeRO", source: async () => zero2 },
    { of: "tenon", source: asTenon },
  ];
  it.each(sources)("takes state and place in the group, and nothing else: $of", async ({ source }) => {
    const { files, difference } = await editInMemory(await source(), {
      freeze: ["model.layers.0.*norm.weight"],
    });
    const names = [norm, "model.layers.0.post_attention_layernorm.weight"];
    expect(difference).toMatchObject({
      frozen: names,
      trainedBefore: 17,
      trainedAfter: 15,
      stepsBefore: [3],
      stepsAfter: [3],
      made: [],
    });
    expect([...difference.dropped].sort()).toEqual(names.flatMap((name) => states(name)).sort());
    expect(
      difference.paramGroups.map(({ parametersBefore, parametersAfter }) => [
        parametersBefore,
        parametersAfter,
      ]),
    ).toEqual([
      [12, 12],
      [5, 3],
    ]);
    await using before = await tenon.open(zero2);
    await using after = await openFiles(files);
    expect(await changedBetween(before, after)).toEqual(names.flatMap((name) => states(name)).sort());
    expect(after.optimizer?.groups[1]?.parameters).toEqual([
      "model.layers.1.input_layernorm.weight",
      "model.layers.1.post_attention_layernorm.weight",
      "model.norm.weight",
    ]);
  });

  it("says whose master is not exactly the weight that stays", async () => {
    const { difference } = await editInMemory(zero2, { freeze: [norm] });
    await using before = await tenon.open(zero2);
    const weight = new Uint16Array((await bytesOf(before.base?.tensors.get(norm))).buffer);
    const master = new Uint32Array((await bytesOf(before.optimizer?.states.get(norm)?.get("fp32"))).buffer);
    const isExact = weight.every((bits, at) => bits * 65536 === master[at]);
    expect(isExact).toBe(false);
    expect(difference.rounded).toEqual([norm]);
    // Of ZeRO-3 the master is the weight itself.
    const exact = await editInMemory(fixture("zero/z3-w2-bf16"), { freeze: [norm] });
    expect([exact.difference.frozen, exact.difference.rounded]).toEqual([[norm], []]);
  });

  it("keeps a group that it empties, and says so", async () => {
    const { difference } = await editInMemory(zero2, { freeze: ["*norm*"] });
    expect(difference.paramGroups[1]?.parametersAfter).toBe(0);
    expect(difference.notes.join()).toContain("Param group 1 has no parameters any more");
  });
});

describe("unfreezing", () => {
  it("adds zero moments, the step of the group and the weight widened as master", async () => {
    const { files, difference } = await editInMemory(zero2, { unfreeze: [key0] });
    expect(difference.unfrozen).toEqual([{ name: key0, paramGroup: 0 }]);
    expect(difference.made.map(({ name, how }) => [name, how])).toEqual([
      [`${key0}/exp_avg`, "zeros"],
      [`${key0}/exp_avg_sq`, "zeros"],
    ]);
    expect(difference.notes.join()).toMatch(/zero moments at step 3.*bias correction is off/);
    await using before = await tenon.open(zero2);
    await using after = await openFiles(files);
    expect(await changedBetween(before, after)).toEqual(states(key0));
    const state = after.optimizer?.states.get(key0);
    expect(state?.get("exp_avg")).toMatchObject({ dtype: "F32", shape: [8, 16] });
    expect((await bytesOf(state?.get("exp_avg"))).every((byte) => byte === 0)).toBe(true);
    expect((await bytesOf(state?.get("exp_avg_sq"))).every((byte) => byte === 0)).toBe(true);
    expect([...new Float32Array((await bytesOf(state?.get("step"))).buffer)]).toEqual([3]);
    const weight = new Uint16Array((await bytesOf(after.base?.tensors.get(key0))).buffer);
    const master = new Uint32Array((await bytesOf(state?.get("fp32"))).buffer);
    expect([...master]).toEqual([...weight].map((bits) => bits * 65536));
    // As the model registers it: after q_proj and its LoRA, before v_proj.
    const members = after.optimizer?.groups[0]?.parameters ?? [];
    expect(members.indexOf(key0)).toBe(members.indexOf("default:model.layers.0.self_attn.q_proj.lora_B") + 1);
    expect(members.filter((name) => name !== key0)).toEqual(before.optimizer?.groups[0]?.parameters);
  });

  it("finds the group by the decay rule, and takes another one that is named", async () => {
    const frozen = memoryTree((await editInMemory(zero2, { freeze: [norm] })).files);
    const found = await editInMemory(frozen, { unfreeze: [norm], dryRun: true });
    expect(found.difference.unfrozen).toEqual([{ name: norm, paramGroup: 1 }]);
    const named = await editInMemory(frozen, { unfreeze: [norm], paramGroup: 0, dryRun: true });
    expect(named.difference.unfrozen).toEqual([{ name: norm, paramGroup: 0 }]);
  });

  it("knows the parameters of a base that a partial checkpoint names", async () => {
    const name = "model.layers.0.mlp.up_proj.weight";
    const frozen = await editInMemory(trainer, { base, freeze: ["*.mlp.*"] });
    const { files, difference } = await editInMemory(memoryTree(frozen.files), { unfreeze: [name] });
    expect(difference.unfrozen).toEqual([{ name, paramGroup: 0 }]);
    await using after = await openFiles(files);
    expect(after.base?.tensors.has(name)).toBe(false);
    expect(after.optimizer?.states.get(name)?.get("exp_avg")).toMatchObject({
      dtype: "F32",
      shape: [40, 32],
    });
  });

  it("has no state where no other parameter has any", async () => {
    const { difference } = await editInMemory(fixture("zero/z2-w2-no-step"), { unfreeze: [key0] });
    // Masters are all that this optimizer has.
    expect(difference.made).toEqual([]);
    expect(difference.stepsAfter).toEqual([]);
  });
});

describe("param groups", () => {
  it("take settings, parameters and new groups; nothing but documents changes", async () => {
    const { files, difference } = await editInMemory(zero2, {
      newGroups: [{ lr: 0.001, weight_decay: 0.3 }],
      moves: [{ pattern: "default:*.lora_B", paramGroup: 2 }],
      settings: [
        { paramGroup: 0, key: "lr", value: 0.0001 },
        { paramGroup: 1, key: "betas", value: [0.8, 0.95] },
      ],
      drop: ["trainer"],
    });
    expect(difference.moved).toHaveLength(4);
    expect(difference.moved[0]).toEqual({
      name: "default:model.layers.0.self_attn.q_proj.lora_B",
      from: 0,
      to: 2,
    });
    expect(difference.paramGroups[0]?.changed).toEqual([{ key: "lr", before: 0.02, after: 0.0001 }]);
    expect(difference.paramGroups[2]).toMatchObject({ parametersBefore: null, parametersAfter: 4 });
    await using before = await tenon.open(zero2);
    await using after = await openFiles(files);
    expect(await changedBetween(before, after)).toEqual([]);
    const groups = after.optimizer?.groups ?? [];
    expect(groups.map(({ parameters }) => parameters.length)).toEqual([8, 5, 4]);
    expect(groups[1]?.settings["betas"]).toEqual([0.8, 0.95]);
    expect(groups[2]?.settings).toMatchObject({
      lr: 0.001,
      weight_decay: 0.3,
      betas: [0.9, 0.999],
      eps: 1e-8,
    });
  });

  it("tell of a schedule that sets the learning rate again", async () => {
    const { difference } = await editInMemory(trainer, {
      base,
      settings: [{ paramGroup: 0, key: "lr", value: 0.5 }],
      dryRun: true,
    });
    expect(difference.notes.join()).toMatch(/scheduler\.pt\) keeps learning rates.*--drop scheduler\.pt/);
    const without = await editInMemory(trainer, {
      base,
      settings: [{ paramGroup: 0, key: "lr", value: 0.5 }],
      drop: ["scheduler.pt"],
      dryRun: true,
    });
    expect(without.difference.notes).toEqual([]);
  });
});

describe("the difference", () => {
  it("is given before anything is written, and what is thrown then stops the edit", async () => {
    const output = fixture("no-such-output");
    const run = tenon.edit(zero2, {
      output,
      freeze: [norm],
      onDifference: () => {
        throw new Error("no, thanks");
      },
    });
    await expect(run).rejects.toThrow("no, thanks");
    expect((await refusalOf(tenon.open(output))).code).toBe("TENON_SOURCE_NOT_FOUND");
  });

  it("is all that a dry run does", async () => {
    const { files, report } = await editInMemory(zero2, { freeze: [norm], dryRun: true });
    expect(files.size).toBe(0);
    expect(report).toMatchObject({ verb: "edit", layout: "tenon", difference: { frozen: [norm] } });
  });

  it("comes with what DeepSpeed resumes from at any number of workers too", async () => {
    const options = {
      alpha: 4,
      unfreeze: [key0],
      loraRanks: [{ adapter: "default", loraRank: 4 }],
      freeze: [norm],
    };
    const { report, files } = await editInMemory(zero2, { ...options, to: "universal" });
    expect(report).toMatchObject({ layout: "universal", optimizerStates: 17 });
    const { files: plain } = await editInMemory(zero2, options);
    await using after = await openFiles(files);
    await using expected = await openFiles(plain);
    expect(await changedBetween(expected, after)).toEqual([]);
  });

  it("comes with another layout too", async () => {
    const { report, files } = await editInMemory(zero2, {
      freeze: [norm],
      to: "dcp",
      drop: ["trainer", "masters"],
    });
    expect(report).toMatchObject({ layout: "dcp", optimizerStates: 16 });
    await using after = await openFiles(files);
    expect(after.optimizer?.states.has(norm)).toBe(false);
  });
});
