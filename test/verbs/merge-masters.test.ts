import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { memorySink, memoryTree } from "../../src/bytes/index.ts";
import type { JsonRecord, Tensor } from "../../src/core/index.ts";
import type { MergeOptions, MergeReport, Source } from "../../src/verbs/index.ts";
import { bytesOf } from "../layouts/fixtures.ts";
import { canonicalOf, cases, groupsOf, truthOf } from "../layouts/zero/cases.ts";
import { configAt, type Files, openFiles, refusalOf, splitInMemory } from "./converted.ts";
import { fixture, tenon } from "./tenon.ts";

const adapterConfigOf = (name: string): JsonRecord => configAt(`zero/${name}/truth`);

async function merged(
  source: Source,
  options: Partial<MergeOptions> = {},
): Promise<{ files: Files; report: MergeReport }> {
  const output = memorySink();
  const report = await tenon.merge(source, { output, fromMaster: true, ...options });
  return { files: output.files, report };
}

/** Values of a BF16 or F32 tensor. */
async function valuesOf(tensor: Tensor | undefined): Promise<number[]> {
  const bytes = await bytesOf(tensor);
  if (tensor?.dtype === "F32") return [...new Float32Array(bytes.buffer)];
  expect(tensor?.dtype).toBe("BF16");
  return [...new Uint16Array(bytes.buffer)].map((bits) => {
    const word = new Uint32Array([bits * 65536]);
    return new Float32Array(word.buffer)[0] as number;
  });
}

/** To nearest, ties to even. */
function bf16(value: number): number {
  const bits = new Uint32Array(new Float32Array([value]).buffer)[0] as number;
  const half = Math.floor((bits + 0x7fff + (Math.floor(bits / 65536) % 2)) / 65536);
  return new Float32Array(new Uint32Array([half * 65536]).buffer)[0] as number;
}

/** W + 2·B·A of masters, where there are any, in f32, and rounded once to the dtype that the model's W has. */
async function expectedOf(name: string): Promise<Map<string, { dtype: string; values: number[] }>> {
  const stage = cases.find((each) => each.case === name)?.stage;
  const model = (await truthOf(name, "model")) ?? new Map<string, Tensor>();
  const masters = (await truthOf(name, "fp32")) ?? new Map<string, Tensor>();
  const best = (key: string): Promise<number[]> => valuesOf(masters.get(key) ?? model.get(key));
  const expected = new Map<string, { dtype: string; values: number[] }>();
  for (const [key, { dtype: own, shape }] of model) {
    if (key.startsWith("default:")) continue;
    // Stage 3 saves no trained weight but the master.
    const dtype = stage === 3 && masters.has(key) ? "F32" : own;
    const values = await best(key);
    const path = key.replace(/\.weight$/, "");
    if (model.has(`default:${path}.lora_A`)) {
      const [a, b] = [await best(`default:${path}.lora_A`), await best(`default:${path}.lora_B`)];
      const cols = shape[1] as number;
      for (const [at, value] of values.entries()) {
        const [row, column] = [Math.floor(at / cols), at % cols];
        let sum = 0;
        for (let k = 0; k < 2; k++)
          sum = Math.fround(sum + Math.fround((b[row * 2 + k] as number) * (a[k * cols + column] as number)));
        values[at] = Math.fround(value + Math.fround(2 * sum));
      }
    }
    expected.set(key, { dtype, values: dtype === "BF16" ? values.map(bf16) : values });
  }
  return expected;
}

async function expectMerged(files: Files, name: string): Promise<void> {
  const expected = await expectedOf(name);
  await using checkpoint = await openFiles(files);
  const { tensors = new Map<string, Tensor>(), ties = new Map() } = checkpoint.base ?? {};
  expect([...tensors.keys(), ...ties.keys()].sort()).toEqual([...expected.keys()].sort());
  for (const [key, tensor] of tensors)
    expect({ key, dtype: tensor.dtype, values: await valuesOf(tensor) }).toEqual({
      key,
      ...expected.get(key),
    });
}

/** Without --from-master a save in 16 bits gives other bits; else the tests above would prove nothing. */
async function changedBy(files: Files, others: Files): Promise<string[]> {
  await using one = await openFiles(files);
  await using other = await openFiles(others);
  const changed: string[] = [];
  for (const [key, tensor] of one.base?.tensors ?? []) {
    const same = Buffer.compare(await bytesOf(tensor), await bytesOf(other.base?.tensors.get(key))) === 0;
    if (!same) changed.push(key);
  }
  return changed.sort();
}

const trainedNames = (name: string): string[] =>
  groupsOf(name)
    .flatMap(({ names }) => names.map(canonicalOf))
    .sort();

const whole = cases.filter(({ stage, exclude_frozen }) => stage > 0 && exclude_frozen !== true);

describe.each(whole.map(({ case: name }) => name))("a merge of %s that starts from masters", (name) => {
  it("has W + s·B·A of the masters, rounded once, and says so", async () => {
    const { files, report } = await merged(fixture(`zero/${name}`), { adapterConfig: adapterConfigOf(name) });
    await expectMerged(files, name);
    expect(report.masters.map(({ source }) => source)).toEqual([fixture(`zero/${name}`)]);
    expect([...(report.masters[0]?.tensors ?? [])].sort()).toEqual(trainedNames(name));
    expect(report.certificate?.masters).toEqual(report.masters);
  });

  it("has the same bits after a split", async () => {
    const adapterConfig = adapterConfigOf(name);
    const { files } = await splitInMemory(fixture(`zero/${name}`), { adapterConfig });
    await expectMerged((await merged(memoryTree(files))).files, name);
  });
});

describe("a merge that starts from masters", () => {
  const name = "z2-w2-bf16";
  const adapterConfig = adapterConfigOf(name);

  it.each(["z1-w2-bf16", "z2-w2-bf16", "z2-w2-tied", "z3-w2-bf16"])(
    "gives the same of the universal checkpoint of %s",
    async (each) => expectMerged((await merged(fixture(`universal/${each}`))).files, each),
  );

  it("differs from one of 16-bit weights only where an adapter was laid", async () => {
    const { files } = await merged(fixture(`zero/${name}`), { adapterConfig });
    const plain = await merged(fixture(`zero/${name}`), { adapterConfig, fromMaster: false });
    expect(plain.report.masters).toEqual([]);
    expect(plain.report.certificate).not.toHaveProperty("masters");
    const adapted = [0, 1].flatMap((layer) =>
      ["q", "v"].map((each) => `model.layers.${layer}.self_attn.${each}_proj.weight`),
    );
    expect(await changedBy(files, plain.files)).toEqual(adapted);
  });

  it("keeps every bit of the masters with dtype F32", async () => {
    const { files } = await merged(fixture(`zero/${name}`), { adapterConfig, dtype: "F32" });
    await using checkpoint = await openFiles(files);
    const masters = await truthOf(name, "fp32");
    for (const key of ["model.norm.weight", "model.layers.1.mlp.up_proj.weight"])
      expect(await bytesOf(checkpoint.base?.tensors.get(key))).toEqual(await bytesOf(masters?.get(key)));
  });

  it("takes frozen weights from the base where the save left them out, and the masters over it", async () => {
    const excluded = "z2-w2-exclude-frozen";
    const config = { adapterConfig: adapterConfigOf(excluded) };
    const base = memoryTree((await withoutAdapter(excluded)).files);
    const { files } = await merged(fixture(`zero/${excluded}`), { ...config, base });
    await expectMerged(files, excluded);
  });

  it("takes masters of parameters that a split against a base did not store, since rounded they are the base's", async () => {
    const base = (await withoutAdapter(name)).files;
    const { files } = await splitInMemory(fixture(`zero/${name}`), { adapterConfig, base: memoryTree(base) });
    await using split = await openFiles(files);
    expect(split.base?.isComplete).toBe(false);
    expect(split.base?.tensors.size).toBe(0);
    await expectMerged((await merged(memoryTree(files), { base: memoryTree(base) })).files, name);
  });

  it("is written to the certificate, which verify reads", async () => {
    const { files } = await merged(fixture(`zero/${name}`), { adapterConfig });
    const text = Buffer.from(files.get("certificate.json") ?? []).toString();
    expect(JSON.parse(text).masters[0].tensors).toContain("default:model.layers.0.self_attn.q_proj.lora_A");
    expect((await tenon.verify(memoryTree(files))).failures).toEqual([]);
  });

  it("reads nothing in a dry run", async () => {
    const { report } = await merged(fixture(`zero/${name}`), { adapterConfig, dryRun: true });
    expect(report.masters[0]?.tensors).toHaveLength(trainedNames(name).length);
  });

  it("refuses a source without masters, and says what its optimizer has", async () => {
    const source = fixture("hybrid/qv/state-dict-with-config");
    const { code, exitCode, hint, details } = await refusalOf(merged(source, {}));
    expect({ code, exitCode }).toEqual({ code: "TENON_MASTER_ABSENT", exitCode: 1 });
    expect(details["found"]).toEqual([{ source, what: "no optimizer" }]);
    expect(hint).toContain("ZeRO");
  });

  it("refuses masters that go by numbers, and says how to name them", async () => {
    const { code, hint } = await refusalOf(
      merged(fixture("zero/z0-w2-bf16"), { adapterConfig: adapterConfigOf("z0-w2-bf16") }),
    );
    expect(code).toBe("TENON_MASTER_UNMATCHED");
    expect(hint).toContain("tenon split with --param-order FILE");
  });
});

/** The model of a case without its LoRA, as a directory of its own: its trained weights, rounded. */
async function withoutAdapter(name: string): Promise<{ files: Files }> {
  const output = memorySink();
  await tenon.convert(fixture(`zero/${name.replace("-exclude-frozen", "-bf16")}`), {
    output,
    to: "state-dict",
    drop: ["adapters", "optimizer", "trainer"],
  });
  const config = readFileSync(fixture(`zero/${name}/truth/config.json`));
  return { files: new Map([...output.files, ["config.json", new Uint8Array(config)]]) };
}
