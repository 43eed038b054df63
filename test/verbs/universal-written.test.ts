import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { memorySink, memoryTree } from "../../src/bytes/index.ts";
import type { Tensor } from "../../src/core/index.ts";
import { expectOptimizer } from "../layouts/dcp-truth.ts";
import { bytesOf, expectSameTensors } from "../layouts/fixtures.ts";
import { canonicalOf, cases, groupsOf, stateOf, truthOf, weightsIn } from "../layouts/zero/cases.ts";
import {
  below,
  configAt,
  convertInMemory,
  type Files,
  openFiles,
  refusalOf,
  splitInMemory,
} from "./converted.ts";
import { fixture, tenon } from "./tenon.ts";

const tag = "global_step3_universal";
const moments = ["exp_avg", "exp_avg_sq", "max_exp_avg_sq", "momentum_buffer"];

function without(name: string, to = "universal"): ReturnType<typeof convertInMemory> {
  return convertInMemory(fixture(`zero/${name}`), to, { adapterConfig: configAt(`zero/${name}/truth`) });
}

/** The whole model that cases of the same seed were frozen on, as a transformers directory. */
async function wholeBase(): Promise<Files> {
  const { files } = await without("z2-w2-bf16");
  return below(files, "base");
}

async function numberOf(tensor: Tensor): Promise<number> {
  return new DataView((await bytesOf(tensor)).buffer).getFloat32(0, true);
}

describe.each(cases.filter(({ stage }) => stage > 0))("a universal checkpoint written of $case", (facts) => {
  const { case: name, exclude_frozen: isPart = false, optimizer = "adamw" } = facts;
  const isElastic = facts.zero?.elastic_checkpoint === true;

  it("has the live engine's masters and moments, and the weights of its source", async () => {
    const { files, report } = await without(name);
    await using written = await openFiles(files);
    expect(written.layout).toBe("universal");
    for (const state of ["fp32", ...moments])
      await expectSameTensors(stateOf(written, state), (await truthOf(name, state)) ?? new Map());
    await using source = await tenon.open(fixture(`zero/${name}`), {
      adapterConfig: configAt(`zero/${name}/truth`),
    });
    await expectSameTensors(weightsIn(written), weightsIn(source));
    expect(written.base?.isComplete).toBe(!isPart);
    expect(written.base?.ties).toEqual(source.base?.ties);
    const config = source.adapters.get("default")?.config;
    expect(written.adapters.get("default")?.config).toEqual({ ...config, inference_mode: true });
    expect(report.optimizerStates).toBe(source.optimizer?.states.size);
    expect((await tenon.verify(memoryTree(files))).failures).toEqual([]);
  });

  it("has the run's groups, steps, counters and client state", async () => {
    await using written = await openFiles((await without(name)).files);
    const groups = groupsOf(name);
    const found = written.optimizer?.groups ?? [];
    expect(found.map(({ parameters }) => [...parameters].sort())).toEqual(
      groups.map(({ names }) => names.map(canonicalOf).sort()),
    );
    expect(found.map(({ settings }) => settings["weight_decay"])).toEqual(
      // Elastic saves keep no settings.
      groups.map(({ weight_decay }) => (isElastic ? undefined : weight_decay)),
    );
    const steps = [...stateOf(written, "step").values()];
    const stepped = facts.steps ?? 3;
    expect(steps.length).toBe(optimizer === "sgd" || stepped === 0 ? 0 : written.optimizer?.states.size);
    for (const step of steps) expect(await numberOf(step)).toBe(stepped);
    const documents = written.trainer?.documents;
    expect(documents?.get("deepspeed.json")).toMatchObject({ global_steps: stepped, ds_version: "0.19.6" });
    expect(documents?.get("client_state.json")).toEqual({ note: "kept" });
  });

  it("is written again, byte for byte, by way of the tenon layout", async () => {
    const first = await without(name);
    const base = isPart ? { base: memoryTree(await wholeBase()) } : {};
    const kept = await convertInMemory(memoryTree(first.files), "tenon", base);
    const second = await convertInMemory(memoryTree(kept.files), "universal", base);
    const own = (files: Files): Files =>
      new Map([...files].filter(([path]) => !isPart || !/^base\/|_model_states\.pt$/.test(path)));
    expect(own(second.files)).toEqual(own(first.files));
  });

  it("has a model file for stage 3 where stage 3 can load it", async () => {
    const { files, report } = await without(name);
    const isForAll = optimizer === "adamw" && (facts.steps ?? 3) > 0;
    expect(
      files.has(`${facts.steps === 0 ? "global_step0_universal" : tag}/mp_rank_00_model_states.pt`),
    ).toBe(true);
    expect(files.has(`${tag}/zero_pp_rank_0_mp_rank_00_model_states.pt`)).toBe(isForAll);
    const advice = report.advice.join("\n");
    expect(advice).toContain(
      isPart ? "convert with --base DIR" : "build the model from base/ with adapters/default/",
    );
    if (!isForAll)
      expect(advice).toContain("stages 1 and 2 load this; stage 3 needs exp_avg, exp_avg_sq and a step");
    else if (isElastic) expect(advice).toContain("keeps no settings of param groups");
    else expect(advice).toContain("the settings of the first one: weight_decay 0.1, 0");
  });
});

it("gets what was left out of a save from its base", async () => {
  const { files } = await convertInMemory(fixture("zero/z2-w2-exclude-frozen"), "universal", {
    adapterConfig: configAt("zero/z2-w2-exclude-frozen/truth"),
    base: memoryTree(await wholeBase()),
  });
  await using written = await openFiles(files);
  expect(written.base?.isComplete).toBe(true);
  await using whole = await tenon.open(fixture("zero/z2-w2-bf16"));
  expect([...(written.base?.tensors.keys() ?? [])].sort()).toEqual(
    [...(whole.base?.tensors.keys() ?? [])].sort(),
  );
});

it("names the base that a split stands on, where it is needed and not found", async () => {
  const base = memoryTree(await wholeBase(), { location: "the/base/of/then" });
  const name = "zero/z2-w2-exclude-frozen";
  const adapterConfig = configAt(`${name}/truth`);
  const { files } = await splitInMemory(fixture(name), { adapterConfig, base });
  // That base was taken from a save of the same run, so nothing moved and the split holds nothing of it.
  const { code, details, hint } = await refusalOf(convertInMemory(memoryTree(files), "universal"));
  expect(code).toBe("TENON_UNIVERSAL_WEIGHT_MISSING");
  expect(details["base"]).toBe("the/base/of/then");
  expect(hint).toBe("Say where that base is now: --base DIR");
  const again = memoryTree(await wholeBase());
  expect(
    (await convertInMemory(memoryTree(files), "universal", { base: again })).report.base?.isComplete,
  ).toBe(true);
  const from = await without("z2-w2-exclude-frozen");
  expect(from.report.advice[0]).toContain("the model that this was trained from with adapters/default/");
  const config = { ...adapterConfig, base_model_name_or_path: "org/model" };
  const { report } = await convertInMemory(fixture(name), "universal", { adapterConfig: config });
  expect(report.advice[0]).toContain("the model that this was trained from, org/model, with adapters");
});

it("is read from the inner folder alone, as what DeepSpeed restores", async () => {
  const { files } = await without("z2-w2-bf16");
  await using inner = await openFiles(below(files, tag));
  expect(inner.layout).toBe("universal");
  expect(inner.base?.isComplete).toBe(false);
  await expectSameTensors(stateOf(inner, "fp32"), (await truthOf("z2-w2-bf16", "fp32")) ?? new Map());
});

it("ends in latest_universal, which is the folder's name and nothing more", async () => {
  const { files } = await without("z2-w2-bf16");
  const last = [...files.keys()].at(-1);
  expect(last).toBe("latest_universal");
  expect(Buffer.from(files.get("latest_universal") ?? []).toString()).toBe(tag);
});

const trainers = [
  { source: "hybrid/qv/accelerator-save-state", config: "hybrid/qv/truth/adapter" },
  { source: "hybrid/tied-bf16/accelerator-save-state", config: "hybrid/tied-bf16/truth/adapter" },
];

describe.each(trainers)("the training checkpoint $source, which has no masters,", ({ source, config }) => {
  it("starts from its weights, and keeps every document of the trainer", async () => {
    const adapterConfig = configAt(config);
    const { files, report } = await convertInMemory(fixture(source), "universal", { adapterConfig });
    await using written = await openFiles(files);
    await using found = await tenon.open(fixture(source), { adapterConfig });
    const split = await splitInMemory(fixture(source), { adapterConfig });
    await using named = await openFiles(split.files);
    const weights = weightsIn(found);
    for (const state of ["fp32", "exp_avg", "exp_avg_sq", "step"]) {
      const states = stateOf(written, state);
      expect(states.size).toBe(named.optimizer?.states.size);
      for (const [name, tensor] of states) {
        expect(tensor.dtype).toBe("F32");
        const kept = state === "fp32" ? weights.get(name) : named.optimizer?.states.get(name)?.get(state);
        expect(await floatsOf(tensor), `${name} ${state}`).toEqual(await floatsOf(kept));
      }
    }
    await expectSameTensors(weightsIn(written), weights);
    for (const [name, document] of found.trainer?.documents ?? [])
      expect(written.trainer?.documents.get(name), name).toEqual(document);
    expect(report.trainerDocuments.length).toBeGreaterThan(0);
  });
});

async function floatsOf(tensor: Tensor | undefined): Promise<Float32Array> {
  const bytes = await bytesOf(tensor);
  if (tensor?.dtype === "F32") return new Float32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4);
  expect(tensor?.dtype).toBe("BF16");
  const halves = new Uint16Array(bytes.buffer, bytes.byteOffset, bytes.length / 2);
  return new Float32Array(Uint32Array.from(halves, (half) => half * 65_536).buffer);
}

it("is refused for weights without an optimizer", async () => {
  const { code, exitCode } = await refusalOf(convertInMemory(fixture("base/llama-small-bf16"), "universal"));
  expect({ code, exitCode }).toEqual({ code: "TENON_UNIVERSAL_NEEDS_OPTIMIZER", exitCode: 1 });
});

it("is refused where trained base weights were lost, though a base is given in their place", async () => {
  const lost = fixture("hybrid/qv/trainer-peft/checkpoint-3");
  const base = fixture("hybrid/qv/base");
  for (const to of ["universal", "dcp"]) {
    const { code, hint } = await refusalOf(convertInMemory(lost, to, { base, drop: ["trainer"] }));
    expect(code).toBe("TENON_TRAINED_BASE_LOST");
    expect(hint).toContain("--drop optimizer");
  }
});

describe("a tenon checkpoint split from a save that lost trained base weights", () => {
  const base = fixture("hybrid/qv/base");
  const split = async (): Promise<ReturnType<typeof memoryTree>> =>
    memoryTree((await splitInMemory(fixture("hybrid/qv/trainer-peft/checkpoint-3"), { base })).files);

  it("still says so, and no engine is given the moments for the weights that stand in", async () => {
    const kept = await split();
    await using checkpoint = await tenon.open(kept);
    const found = checkpoint.observations.find(({ code }) => code === "TENON_TRAINED_BASE_LOST");
    expect(found?.facts?.["count"]).toBe(21);
    expect(found?.names).toContain("model.embed_tokens.weight");
    expect(found?.names.filter((name) => name.startsWith("default:"))).toEqual([]);
    for (const to of ["universal", "dcp", "trainer", "accelerate"]) {
      const drop = ["dcp", "accelerate"].includes(to) ? ["trainer"] : [];
      const { code, details } = await refusalOf(convertInMemory(await split(), to, { base, drop }));
      expect(code, to).toBe("TENON_TRAINED_BASE_LOST");
      expect(details["count"]).toBe(21);
    }
    await expect(tenon.merge(kept, { base, output: memorySink() })).rejects.toMatchObject({
      code: "TENON_TRAINED_BASE_LOST",
    });
  });

  it("says so through a second tenon checkpoint, until those parameters are frozen", async () => {
    const again = await convertInMemory(await split(), "tenon", { base });
    const { code } = await refusalOf(convertInMemory(memoryTree(again.files), "universal", { base }));
    expect(code).toBe("TENON_TRAINED_BASE_LOST");
    const output = memorySink();
    await tenon.edit(memoryTree(again.files), { base, output, freeze: ["model.*", "lm_head.weight"] });
    const { report } = await convertInMemory(memoryTree(output.files), "universal", { base });
    expect(report.optimizerStates).toBe(8);
  });

  it("is refused when it lists one without moments", async () => {
    const { files } = await splitInMemory(fixture("hybrid/qv/trainer-peft/checkpoint-3"), { base });
    const path = "optimizer/optimizer.json";
    const text = Buffer.from(files.get(path) ?? []).toString();
    // Of the same length, as the manifest says.
    const at = text.lastIndexOf("embed_tokens");
    expect(at).toBeGreaterThan(text.indexOf("weightsLost"));
    const changed = `${text.slice(0, at)}nowhere_else${text.slice(at + "embed_tokens".length)}`;
    const all = new Map([...files, [path, Buffer.from(changed)]]);
    await expect(tenon.open(memoryTree(all))).rejects.toMatchObject({
      code: "TENON_MANIFEST_MALFORMED",
      message: expect.stringContaining('"model.nowhere_else.weight" in weightsLost'),
    });
  });
});

// Live names in the order of an optimizer's numbers, as the real tools had them.
it.each(["decayed-norms", "lora-plus", "one-base", "saved-head", "torch-order", "trainer-lora"])(
  "names the folders as the live model of %s names its parameters",
  async (name) => {
    const { files } = await convertInMemory(fixture(`optimizer/${name}`), "universal");
    const folders = [...files.keys()].flatMap(
      (path) => /^[^/]+\/zero\/([^/]+)\/fp32\.pt$/.exec(path)?.[1] ?? [],
    );
    const live = JSON.parse(readFileSync(fixture(`optimizer/${name}/names.json`), "utf8")) as string[];
    expect(folders.sort()).toEqual([...live].sort());
  },
);

it("leaves frozen parameters out that the optimizer was given", async () => {
  const { files, report } = await convertInMemory(fixture("optimizer/all-counted"), "universal");
  const folders = [...files.keys()].filter((path) => path.endsWith("/fp32.pt"));
  expect(folders.length).toBeGreaterThan(0);
  await using written = await openFiles(files);
  expect(stateOf(written, "exp_avg").size).toBe(folders.length);
  expect(report.advice.join("\n")).toContain("have no state, as frozen ones have none");
});

it.each(["fsdp2-w3", "fsdp1-w2", "titan-w2"])("is written of the FSDP save %s", async (name) => {
  const { files } = await convertInMemory(fixture(`dcp/${name}`), "universal");
  await using written = await openFiles(files);
  await expectOptimizer(written, name);
  await using source = await tenon.open(fixture(`dcp/${name}`));
  await expectSameTensors(weightsIn(written), weightsIn(source));
});
