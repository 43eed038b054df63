import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { canonicalName, parameterChangesOf, parseLoraConfig, readNames } from "../../src/adapters/index.ts";
import { memorySink, memoryTree } from "../../src/bytes/index.ts";
import { openFile } from "../../src/bytes/node/index.ts";
import { type AdapterModule, parseJsonRecord, type Recipe, type Tensor } from "../../src/core/index.ts";
import { errorBound, executeFiles } from "../../src/execute/index.ts";
import { formats, safetensors } from "../../src/formats/index.ts";
import { ulpDistance } from "../../src/ops/index.ts";

// Every golden merge whose adapter is low-rank pairs alone: names, config, geometry and arithmetic together.

const fixtures = join(import.meta.dirname, "../fixtures");
const closing: { close(): Promise<void> }[] = [];

async function tensorsOf(directory: string): Promise<Map<string, Tensor>> {
  const all = new Map<string, Tensor>();
  for (const file of readdirSync(directory).filter((name) => name.endsWith(".safetensors"))) {
    const path = join(directory, file);
    const source = await openFile(path, { path: file, location: path });
    closing.push(source);
    for (const tensor of (await safetensors.open(source)).tensors) all.set(tensor.name, tensor);
  }
  return all;
}

const json = (path: string) => parseJsonRecord(readFileSync(path, "utf8"), { file: path });

const fieldOf: Partial<Record<string, keyof AdapterModule>> = {
  loraA: "loraA",
  loraB: "loraB",
  loraEmbeddingA: "loraEmbeddingA",
  loraEmbeddingB: "loraEmbeddingB",
  magnitude: "magnitude",
  loraBias: "loraBias",
};

/** Groups low-rank tensors by module; a saved embedding takes its base tensor's place. */
function modulesOf(
  tensors: ReadonlyMap<string, Tensor>,
  base: Map<string, Tensor>,
): Map<string, AdapterModule> {
  const { meanings } = readNames([...tensors.keys()], {
    kind: "adapter",
    knownBaseNames: new Set(base.keys()),
  });
  const modules = new Map<string, AdapterModule>();
  for (const [stored, meaning] of meanings) {
    if (meaning.role === "baseLayer") base.set(canonicalName(meaning), tensors.get(stored) as Tensor);
    if (meaning.role === "baseLayer") continue;
    const field = fieldOf[meaning.role];
    if (field === undefined) throw new Error(`not a low-rank tensor: ${stored} is ${canonicalName(meaning)}`);
    const key = meaning.nesting === 0 ? meaning.module : `${meaning.module}#${meaning.nesting}`;
    const known = modules.get(key) ?? { path: meaning.module, nesting: meaning.nesting };
    modules.set(key, { ...known, [field]: tensors.get(stored) });
  }
  return modules;
}

interface Merged {
  readonly name: string;
  readonly bytes: Uint8Array;
  readonly truth: Tensor;
  readonly before: Tensor;
}

async function mergedParameters(name: string, rounding: "once" | "twice"): Promise<Merged[]> {
  const facts = json(join(fixtures, "merge", name, "case.json"));
  const basePath = join(fixtures, facts["base"] as string);
  const base = await tensorsOf(basePath);
  const adapter = await tensorsOf(join(fixtures, "merge", name, "adapter"));
  const truth = await tensorsOf(
    join(fixtures, "merge", name, rounding === "once" ? "expected" : "expected-safe"),
  );
  const config = parseLoraConfig(
    json(join(fixtures, "merge", name, "adapter/adapter_config.json")),
    "adapter_config.json",
  );
  const modules = modulesOf(adapter, base);
  const configPath = join(basePath, "config.json");
  const modelConfig = existsSync(configPath) ? { modelConfig: json(configPath) } : {};
  const context = { adapter: "default", config, modules, base, rounding, ...modelConfig };
  const changes = [...modules.values()].flatMap((module) => parameterChangesOf(context, module));
  const recipes = new Map<string, Recipe>();
  for (const { parameter, steps } of changes) {
    const source = base.get(parameter) as Tensor;
    const earlier = recipes.get(parameter)?.steps ?? [];
    recipes.set(parameter, {
      source,
      dtype: source.dtype,
      shape: source.shape,
      steps: [...earlier, ...steps],
    });
  }
  const byId = new Map([...base.values(), ...adapter.values()].map((tensor) => [tensor.id, tensor]));
  const sink = memorySink();
  const entries = [...recipes].map(([parameter, recipe]) => ({ name: parameter, recipe }));
  const report = await executeFiles([{ kind: "tensors", path: "merged.safetensors", format: "safetensors", entries, metadata: {} }], {
    formats, sink, task: "merge", kernelBytes: 2 ** 28,
    resolve: (id) => byId.get(id) as Tensor,
    job: { accumulate: "fma", digest: "none", prove: "full", factorBytes: 2 ** 24 },
  }); // biome-ignore format: one call
  for (const { task, outcome } of report) {
    const bound = errorBound(task.recipe);
    expect(outcome.provenRows > 0, task.name).toBe(bound !== undefined);
    if (bound !== undefined) expect(outcome.maxError, task.name).toBeLessThanOrEqual(bound);
  }
  await sink.commit();
  const written = await safetensors.open(await memoryTree(sink.files).open("merged.safetensors"));
  const result: Merged[] = [];
  for (const tensor of written.tensors) {
    result.push({
      name: tensor.name,
      bytes: await bytesOf(tensor),
      truth: truth.get(tensor.name) as Tensor,
      before: base.get(tensor.name) as Tensor,
    });
  }
  return result;
}

const exact = [
  "linear-odd", "linear-r1", "linear-r4", "linear-r64", "linear-f32-adapter-bf16", "linear-bf16-adapter-f16",
  "rslora", "rank-pattern", "rank-pattern-rslora", "alpha-pattern-order", "alpha-pattern-near-miss",
  "embedding", "embedding-regex", "gpt2-conv1d", "lora-bias", "attention", "experts", "experts-one",
  "experts-transposed", "experts-pattern", "layers-to-transform", "exclude-modules", "target-regex", "conv3d", "conv2d-point",
  "layers-pattern", "exclude-modules-list", "target-default", "target-one-path", "all-linear", "experts-gpt-oss",
]; // biome-ignore format: a list

describe("a golden merge by PEFT", () => {
  it.each(exact)("has the same bits: %s", async (name) => {
    const merged = await mergedParameters(name, "once");
    expect(merged.length).toBeGreaterThan(0);
    for (const { name: parameter, bytes, truth } of merged) {
      expect(bytes, parameter).toEqual(await bytesOf(truth));
    }
  });

  it.each(["rslora", "embedding", "lora-bias"])(
    "has the same bits when the delta is rounded first (safe_merge): %s",
    async (name) => {
      for (const { name: parameter, bytes, truth } of await mergedParameters(name, "twice")) {
        expect(bytes, parameter).toEqual(await bytesOf(truth));
      }
    },
  );

  // A kernel of torch's own sums these: case.json of each says why, and how near they are.
  it.each(["conv1d", "conv2d", "parameter-2d", "dora-f32", "dora-gpt2", "dora-conv2d"])(
    "is within the relative bound that its case states: %s",
    async (name) => {
      const bound = json(join(fixtures, "merge", name, "case.json"))["bound"] as {
        relative: number;
        of: string;
      };
      expect(bound.of).toBe("|W| + |merged|");
      const merged = await mergedParameters(name, "once");
      expect(merged.length).toBeGreaterThan(0);
      for (const { name: parameter, bytes, truth, before } of merged) {
        expect(truth.dtype, parameter).toBe("F32");
        const [ours, theirs, base] = [bytes, await bytesOf(truth), await bytesOf(before)].map(
          ({ buffer }) => new Float32Array(buffer),
        ) as [Float32Array, Float32Array, Float32Array];
        for (const [i, value] of ours.entries()) {
          const expected = theirs[i] as number;
          const allowed = bound.relative * (Math.abs(base[i] as number) + Math.abs(expected));
          expect(Math.abs(value - expected), `${parameter}[${i}]`).toBeLessThanOrEqual(allowed);
        }
      }
    },
  );

  // case.json of each states the bound: PEFT sums the norms in an order of its own.
  it.each(["dora-linear", "dora-embedding", "dora-rslora-pattern"])("is within one ulp: %s", async (name) => {
    const merged = await mergedParameters(name, "once");
    expect(merged.length).toBeGreaterThan(0);
    for (const { name: parameter, bytes, truth } of merged) {
      expect(truth.dtype).toBe("BF16");
      const codes = new Uint16Array(bytes.buffer, bytes.byteOffset, bytes.length / 2);
      const expected = new Uint16Array((await bytesOf(truth)).buffer);
      const worst = codes.reduce(
        (most, code, i) => Math.max(most, ulpDistance("BF16", code, expected[i] as number)),
        0,
      );
      expect(worst, parameter).toBeLessThanOrEqual(1);
    }
  });
});

async function bytesOf(tensor: Tensor): Promise<Uint8Array> {
  const bytes = new Uint8Array(tensor.byteLength);
  await tensor.read(0, bytes);
  return bytes;
}

afterAll(async () => {
  for (const source of closing) await source.close();
});
