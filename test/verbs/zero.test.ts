import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { memorySink, memoryTree } from "../../src/bytes/index.ts";
import { type JsonRecord, parseJsonRecord, type Tensor } from "../../src/core/index.ts";
import { safetensors } from "../../src/formats/index.ts";
import { assemble } from "../contract/format.contract.ts";
import { expectSameTensors } from "../layouts/fixtures.ts";
import { canonicalOf, groupsOf, truthOf } from "../layouts/zero/cases.ts";
import { list, parameter, type Toy, toySave } from "../layouts/zero/toy.ts";
import { openFiles, splitInMemory } from "./converted.ts";
import { fixture, tenon } from "./tenon.ts";

const configOf = (name: string): JsonRecord =>
  parseJsonRecord(readFileSync(fixture(`zero/${name}/truth/adapter_config.json`), "utf8"), { file: name });

async function bytesOf(tensor: Tensor | undefined): Promise<Uint8Array> {
  const bytes = new Uint8Array(tensor?.byteLength ?? 0);
  await tensor?.read(0, bytes);
  return bytes;
}

async function valuesOf(tensor: Tensor | undefined): Promise<number[]> {
  return [...new Float32Array((await bytesOf(tensor)).buffer)];
}

async function truth(name: string, kind: string): Promise<ReadonlyMap<string, Tensor>> {
  const found = await truthOf(name, kind);
  if (found === undefined) throw new Error(`${name} has no ${kind}`);
  return found;
}

/** The live model's frozen half and what was trained before training moved it: here its own weights, without LoRA. */
async function baseOf(name: string): Promise<Map<string, Uint8Array | string>> {
  const tensors = [...(await truth(name, "model"))].filter(([each]) => !each.startsWith("default:"));
  const entries = tensors.map(([each, { dtype, shape }]) => ({ name: each, dtype, shape }));
  const layout = safetensors.layOut?.(entries, {});
  if (layout === undefined) throw new Error("safetensors writes");
  const bytes = new Map<string, Uint8Array>();
  for (const [each, tensor] of tensors) bytes.set(each, await bytesOf(tensor));
  const file = assemble(layout, (each) => bytes.get(each) ?? new Uint8Array());
  const config = readFileSync(fixture(`zero/${name}/truth/config.json`), "utf8");
  return new Map<string, Uint8Array | string>([
    ["config.json", config],
    ["model.safetensors", file],
  ]);
}

describe("a split of a DeepSpeed save", () => {
  for (const name of ["z1-w3-fp32", "z2-w2-round-robin", "z3-w3-sub-groups"])
    it(`${name}: keeps masters, moments, groups and counters, bit for bit`, async () => {
      const { files, report } = await splitInMemory(fixture(`zero/${name}`), {
        adapterConfig: configOf(name),
      });
      await using checkpoint = await openFiles(files);
      for (const [state, kind] of [
        ["fp32", "fp32"],
        ["exp_avg", "exp_avg"],
        ["exp_avg_sq", "exp_avg_sq"],
      ] as const) {
        const found = [...(checkpoint.optimizer?.states ?? [])].map(
          ([each, own]) => [each, own.get(state)] as const,
        );
        await expectSameTensors(new Map(found) as Map<string, Tensor>, await truth(name, kind));
      }
      expect(checkpoint.optimizer?.groups.map(({ parameters }) => [...parameters].sort())).toEqual(
        groupsOf(name).map(({ names }) => names.map(canonicalOf).sort()),
      );
      expect(checkpoint.trainer?.documents.get("deepspeed.json")?.["global_steps"]).toBe(3);
      // Every worker's file was read, not only the one that a message names.
      expect(report.left.filter((path) => path.startsWith("global_step"))).toEqual([]);
    });
});

describe("a merge of a live ZeRO-3 save", () => {
  it("starts from the fp32 masters: W + 2·B·A of them, and frozen weights as they are", async () => {
    const name = "z3-w2-bf16";
    const output = memorySink();
    await tenon.merge(fixture(`zero/${name}`), { output, adapterConfig: configOf(name) });
    await using merged = await openFiles(output.files);
    const [masters, model] = [await truth(name, "fp32"), await truth(name, "model")];
    const path = "model.layers.1.self_attn.q_proj";
    const [w, a, b] = [
      await valuesOf(masters.get(`${path}.weight`)),
      await valuesOf(masters.get(`default:${path}.lora_A`)),
      await valuesOf(masters.get(`default:${path}.lora_B`)),
    ];
    const expected = w.map((value, at) => {
      const [row, column] = [Math.floor(at / 16), at % 16];
      let sum = 0;
      for (let k = 0; k < 2; k++)
        sum = Math.fround(sum + Math.fround((b[row * 2 + k] ?? 0) * (a[k * 16 + column] ?? 0)));
      return Math.fround(value + Math.fround(2 * sum));
    });
    expect(await valuesOf(merged.base?.tensors.get(`${path}.weight`))).toEqual(expected);
    for (const same of ["model.embed_tokens.weight", "model.layers.0.self_attn.k_proj.weight"])
      expect(await bytesOf(merged.base?.tensors.get(same))).toEqual(await bytesOf(model.get(same)));
    expect(await bytesOf(merged.base?.tensors.get("model.norm.weight"))).toEqual(
      await bytesOf(masters.get("model.norm.weight")),
    );
  });

  it("takes frozen weights, which the save left out, and config.json from the base", async () => {
    const name = "z3-w2-exclude-frozen";
    const whole = "z3-w2-bf16";
    const merge = async (options: object): Promise<ReadonlyMap<string, Uint8Array>> => {
      const output = memorySink();
      await tenon.merge(fixture(`zero/${name}`), {
        output,
        adapterConfig: configOf(name),
        dtype: "BF16",
        ...options,
      });
      return output.files;
    };
    await expect(merge({})).rejects.toMatchObject({ isTenonError: true });
    const files = await merge({ base: memoryTree(await baseOf(whole)) });
    await using merged = await openFiles(files);
    expect(files.has("config.json")).toBe(true);
    expect([...(merged.base?.tensors.values() ?? [])].every(({ dtype }) => dtype === "BF16")).toBe(true);
    const model = await truth(whole, "model");
    expect(await bytesOf(merged.base?.tensors.get("lm_head.weight"))).toEqual(
      await bytesOf(model.get("lm_head.weight")),
    );
  });
});

describe("other verbs on a DeepSpeed save", () => {
  it("verify reads all of it, diff finds it equal to itself, doctor finds nothing wrong, inspect knows the step", async () => {
    const source = fixture("zero/z3-w2-bf16");
    const adapterConfig = configOf("z3-w2-bf16");
    expect((await tenon.verify(source)).failures).toEqual([]);
    expect((await tenon.diff(source, source)).isEqual).toBe(true);
    expect((await tenon.diagnose(source, { adapterConfig })).findings).toEqual([]);
    expect((await tenon.inspect(source)).trainer?.step).toBe(3);
  });

  it("doctor counts what is no number in a master, though the weights are none the worse", async () => {
    const groups = [[parameter("a.weight", [4], 0)]];
    const changeOptimizer: Toy["changeOptimizer"] = (draft, worker, inner) => {
      const values = worker === 0 ? [Number.NaN, 1] : [Number.POSITIVE_INFINITY, Number.NaN];
      inner["single_partition_of_fp32_groups"] = list(draft.tensor(values));
    };
    const files = toySave({ stage: 2, workers: 2, groups, changeOptimizer });
    const { findings } = await tenon.diagnose(memoryTree(files));
    expect(findings).toMatchObject([
      { code: "TENON_TENSOR_NAN", evidence: { names: ["a.weight/fp32"] } },
      { code: "TENON_TENSOR_INF", evidence: { names: ["a.weight/fp32"] } },
    ]);
    expect(JSON.stringify(findings[0]?.evidence.facts)).toContain("2");
  });

  it("doctor warns of round_robin_gradients", async () => {
    const adapterConfig = configOf("z2-w2-round-robin");
    const { findings } = await tenon.diagnose(fixture("zero/z2-w2-round-robin"), { adapterConfig });
    expect(findings.map(({ code }) => code)).toEqual(["TENON_ZERO_MAPPINGS_DISAGREE"]);
  });
});
