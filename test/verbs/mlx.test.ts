import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { memorySink, memoryTree } from "../../src/bytes/index.ts";
import type { Tensor } from "../../src/core/index.ts";
import type { MergeOptions, MergeReport } from "../../src/verbs/index.ts";
import { bytesOf, expectSameTensors, openFixture } from "../layouts/fixtures.ts";
import {
  below,
  configAt,
  convertInMemory,
  type Files,
  filesAt,
  openFiles,
  refusalOf,
  splitInMemory,
} from "./converted.ts";
import { fixture, tenon } from "./tenon.ts";

interface MlxCase {
  readonly case: string;
  readonly base: string;
  readonly fineTuneType?: "lora" | "dora";
  readonly rank: number;
  readonly scale: number;
  readonly modules: readonly string[];
}

const cases: readonly MlxCase[] = readdirSync(fixture("mlx"))
  .sort()
  .map((name) => JSON.parse(readFileSync(fixture(`mlx/${name}/case.json`), "utf8")) as MlxCase);
const trained = cases.filter(({ fineTuneType }) => fineTuneType !== undefined);

async function merged(
  { case: name, base }: Pick<MlxCase, "case" | "base">,
  options: Partial<MergeOptions> = {},
): Promise<{ files: Files; report: MergeReport }> {
  const output = memorySink();
  const report = await tenon.merge(fixture(`mlx/${name}/adapter`), {
    output,
    base: fixture(base),
    ...options,
  });
  return { files: output.files, report };
}

async function valuesOf(tensor: Tensor | undefined): Promise<Float32Array> {
  const bytes = await bytesOf(tensor);
  if (tensor?.dtype === "F32") return new Float32Array(bytes.buffer);
  const words = new Uint32Array([...new Uint16Array(bytes.buffer)].map((bits) => bits * 65536));
  return new Float32Array(words.buffer);
}

/** s·Σ|B||A| for each element of a merged weight: the size of what is summed, in which roundings are counted. */
async function termsOf(
  { case: name, scale, rank }: MlxCase,
  parameter: string,
): Promise<Float64Array | undefined> {
  const raw = await openRaw(`mlx/${name}/adapter/adapters.safetensors`);
  const path = parameter.replace(/\.weight$/, "");
  const [a, b] = [raw.get(`${path}.lora_a`), raw.get(`${path}.lora_b`)];
  if (a === undefined || b === undefined) return undefined;
  const [left, right] = [await valuesOf(a), await valuesOf(b)];
  const [rows = 0, cols = 0] = [a.shape[0], b.shape[1]];
  const isTable = path.endsWith("embed_tokens");
  const terms = new Float64Array(rows * cols);
  for (let i = 0; i < rows; i++)
    for (let o = 0; o < cols; o++) {
      let sum = 0;
      for (let k = 0; k < rank; k++)
        sum += Math.abs((left[i * rank + k] as number) * (right[k * cols + o] as number));
      terms[isTable ? i * cols + o : o * rows + i] = scale * sum;
    }
  return terms;
}

/**
 * MLX multiplies s·B before the product and sums in another order: a few roundings of f32 apart; in bf16 it also rounds the
 * delta before the sum, so that two roundings lie between.
 */
function bound(dtype: string): number {
  return dtype === "BF16" ? 2 ** -7 : 1e-6;
}

describe.each(trained)("the adapter $case of mlx-lm", (mlx) => {
  it("is merged into what mlx_lm.fuse makes of it", async () => {
    const { files, report } = await merged(mlx, mlx.base.endsWith("bf16") ? { rounding: "twice" } : {});
    await using found = await openFiles(files);
    await using expected = await openFixture(`mlx/${mlx.case}/expected`);
    await using base = await openFixture(mlx.base);
    const names = [...(expected.base?.tensors.keys() ?? [])].sort();
    expect([...(found.base?.tensors.keys() ?? [])].sort()).toEqual(names);
    const changed: string[] = [];
    for (const name of names) {
      const tensor = found.base?.tensors.get(name);
      const [own, theirs, before] = await Promise.all(
        [found, expected, base].map((each) => valuesOf(each.base?.tensors.get(name))),
      );
      const allowed = bound(tensor?.dtype ?? "");
      const terms = await termsOf(mlx, name);
      let far = 0;
      let moved = 0;
      for (const [at, value] of (own ?? []).entries()) {
        const [other, old] = [theirs?.[at] ?? Number.NaN, before?.[at] ?? Number.NaN];
        const size = Math.abs(old) + Math.abs(other) + (terms?.[at] ?? 0);
        if (!(Math.abs(value - other) <= allowed * size)) far++;
        if (Math.abs(old - other) > 4 * allowed * Math.abs(old)) moved++;
      }
      expect({ name, far }).toEqual({ name, far: 0 });
      if (moved > 0) changed.push(name.replace(/\.weight$/, ""));
    }
    // What training moved is far more than the bound, so the bound can fail.
    expect(changed).toEqual([...mlx.modules].sort());
    const heads = mlx.case === "embedding-tied" ? 2 : 0;
    expect(report.adapters[0]?.used).toHaveLength(
      mlx.modules.length * (mlx.fineTuneType === "dora" ? 3 : 2) + heads,
    );
    for (const scaling of Object.values(report.adapters[0]?.scaling ?? {}))
      expect(Math.fround(scaling)).toBe(Math.fround(mlx.scale));
  });

  it("is the same adapter after a split, in PEFT's own files", async () => {
    const { files } = await splitInMemory(fixture(`mlx/${mlx.case}/adapter`), { base: fixture(mlx.base) });
    await using opened = await openFiles(below(files, "adapters/default"));
    expect(opened.layout).toBe("peft");
    const adapter = opened.adapters.get("default");
    const heads = mlx.case === "embedding-tied" ? ["lm_head"] : [];
    expect([...(adapter?.modules.keys() ?? [])].sort()).toEqual([...mlx.modules, ...heads].sort());
    const rawFile = await openRaw(`mlx/${mlx.case}/adapter/adapters.safetensors`);
    for (const [path, { loraA, loraB, loraEmbeddingA, loraEmbeddingB }] of adapter?.modules ?? []) {
      if (path === "lm_head") continue;
      for (const [factor, tail] of [
        [loraA ?? loraEmbeddingA, "lora_a"],
        [loraB ?? loraEmbeddingB, "lora_b"],
      ] as const) {
        const raw = rawFile.get(`${path}.${tail}`);
        expect(factor?.shape).toEqual([...(raw?.shape ?? [])].reverse());
        expect(await valuesOf(factor)).toEqual(turned(await valuesOf(raw), raw?.shape ?? []));
      }
    }
    const direct = await merged(mlx);
    const output = memorySink();
    await tenon.merge(memoryTree(files), { output, base: fixture(mlx.base) });
    await using again = await openFiles(output.files);
    await using first = await openFiles(direct.files);
    await expectSameTensors(again.base?.tensors ?? new Map(), first.base?.tensors ?? new Map());
  });

  it("is whole and sound", async () => {
    if (mlx.case !== "embedding-tied")
      expect((await tenon.verify(fixture(`mlx/${mlx.case}/adapter`))).failures).toEqual([]);
    const { findings } = await tenon.diagnose(fixture(`mlx/${mlx.case}/adapter`), {
      base: fixture(mlx.base),
    });
    expect(findings).toEqual([]);
  });
});

async function openRaw(path: string): Promise<ReadonlyMap<string, Tensor>> {
  const { safetensors } = await import("../../src/formats/index.ts");
  const bytes = new Uint8Array(readFileSync(fixture(path)));
  const { tensors } = await safetensors.open(await memoryTree(new Map([["raw", bytes]])).open("raw"));
  return new Map(tensors.map((tensor) => [tensor.name, tensor]));
}

function turned(values: Float32Array, [rows = 0, cols = 0]: readonly number[]): Float32Array {
  return Float32Array.from(values, (_, at) => values[(at % rows) * cols + Math.floor(at / rows)] as number);
}

describe("LoRA of another ecosystem that is not read", () => {
  it.each([
    ["d22-torchtune", "TORCHTUNE", "orders the rows of q_proj"],
    ["d22-megatron", "MEGATRON", "fuses and shards"],
  ])("says why: %s", async (name, family, reason) => {
    const source = fixture(`damaged/${name}`);
    const { findings } = await tenon.diagnose(source);
    const foreign = findings.find(({ code }) => code === "TENON_NAMES_FOREIGN");
    expect(foreign?.evidence.facts).toEqual({ family, reason: expect.stringContaining(reason) });
    await expect(splitInMemory(source)).rejects.toMatchObject({
      code: "TENON_NAMES_FOREIGN",
      message: expect.stringContaining(reason),
    });
  });

  it("says why: kohya", async () => {
    const { code, hint } = await refusalOf(tenon.inspect(fixture("damaged/d22-kohya")));
    expect(code).toBe("TENON_LAYOUT_NOT_YET");
    expect(hint).toContain("underscores");
  });
});

describe("a directory of mlx-lm", () => {
  const files = (name: string): Map<string, Uint8Array> => filesAt(`mlx/${name}/adapter`);
  const withConfig = (
    change: (config: Record<string, unknown>) => void,
  ): Map<string, Uint8Array | string> => {
    const own = new Map<string, Uint8Array | string>(files("lora-f32"));
    const config = JSON.parse(Buffer.from(own.get("adapter_config.json") as Uint8Array).toString());
    change(config);
    return own.set("adapter_config.json", JSON.stringify(config));
  };
  const refusal = (own: ReadonlyMap<string, Uint8Array | string>): ReturnType<typeof refusalOf> =>
    refusalOf(tenon.inspect(memoryTree(own)));

  it("keeps a tied embedding tied: its LoRA acts in the head too", async () => {
    const { report, files: out } = await merged({ case: "embedding-tied", base: "base/llama-tied-bf16" });
    expect(report.ties).toMatchObject([{ alias: "lm_head.weight", action: "kept" }]);
    expect(JSON.parse(Buffer.from(out.get("config.json") ?? []).toString())).toMatchObject({
      tie_word_embeddings: true,
    });
  });

  it("is refused with LoRA of an embedding where no base says whether the head is tied to it", async () => {
    const { code, exitCode, hint } = await refusal(files("embedding-tied"));
    expect({ code, exitCode }).toEqual({ code: "TENON_MLX_EMBEDDING", exitCode: 1 });
    expect(hint).toContain("--base");
    const other = { output: memorySink(), base: fixture("base/gpt2-f32") };
    expect((await refusalOf(tenon.merge(fixture("mlx/embedding-tied/adapter"), other))).code).toBe(code);
  });

  it("stores an embedding's LoRA once more for a tied head, as it was stored", async () => {
    const source = fixture("mlx/embedding-tied/adapter");
    const { files: out } = await splitInMemory(source, { base: fixture("base/llama-tied-bf16") });
    await using opened = await openFiles(below(out, "adapters/default"));
    const adapter = opened.adapters.get("default");
    const raw = await openRaw("mlx/embedding-tied/adapter/adapters.safetensors");
    const head = adapter?.modules.get("lm_head");
    expect(await bytesOf(head?.loraA)).toEqual(await bytesOf(raw.get("model.embed_tokens.lora_b")));
    expect(await bytesOf(head?.loraB)).toEqual(await bytesOf(raw.get("model.embed_tokens.lora_a")));
    expect(adapter?.config?.["ensure_weight_tying"]).toBe(true);
  });

  it("says which earlier steps were not read", async () => {
    const own = files("lora-f32");
    own.set("0000100_adapters.safetensors", own.get("adapters.safetensors") as Uint8Array);
    const { observations } = await tenon.inspect(memoryTree(own));
    expect(observations.map(({ code }) => code)).toContain("TENON_WEIGHTS_PASSED_OVER");
  });

  it("is refused with LoRA on fused experts", async () => {
    const { code, exitCode, details } = await refusal(files("experts"));
    expect({ code, exitCode }).toEqual({ code: "TENON_MLX_TENSOR", exitCode: 4 });
    expect(details["shape"]).toHaveLength(3);
  });

  it.each([
    ["no rank", (p: Record<string, unknown>) => delete p["rank"], "lora_parameters.rank"],
    [
      "another rank than the tensors",
      (p: Record<string, unknown>) => (p["rank"] = 8),
      "lora_parameters.rank",
    ],
    ["no scale", (p: Record<string, unknown>) => delete p["scale"], "lora_parameters.scale"],
  ])("is refused with %s", async (_, change, field) => {
    const { code, details } = await refusal(
      withConfig((config) => change(config["lora_parameters"] as Record<string, unknown>)),
    );
    expect({ code, field: details["field"] }).toEqual({ code: "TENON_MLX_CONFIG", field });
  });

  it("is refused after a full fine-tune, and with a kind that is not known", async () => {
    const full = await refusal(withConfig((config) => Object.assign(config, { fine_tune_type: "full" })));
    expect(full.code).toBe("TENON_MLX_FULL");
    const other = await refusal(withConfig((config) => Object.assign(config, { fine_tune_type: "vera" })));
    expect({ code: other.code, field: other.details["field"] }).toEqual({
      code: "TENON_MLX_CONFIG",
      field: "fine_tune_type",
    });
  });

  it("asks which scaling counts where early and later mlx-lm differ, and takes the answer", async () => {
    const own = withConfig((config) => Object.assign(config["lora_parameters"] as object, { alpha: 16 }));
    const { code, hint } = await refusal(own);
    expect(code).toBe("TENON_MLX_SCALE");
    expect(hint).toContain("--alpha 80");
    const base = fixture("base/llama-f32");
    await using expected = await openFiles(
      (await merged({ case: "lora-f32", base: "base/llama-f32" })).files,
    );
    const config = { r: 4, lora_alpha: 80, target_modules: ["q_proj", "v_proj", "down_proj"] };
    const answers = [{ alpha: 80 }, { adapterConfig: { peft_type: "LORA", ...config } }];
    for (const answer of answers) {
      const output = memorySink();
      await tenon.merge(memoryTree(own), { output, base, ...answer });
      await using found = await openFiles(output.files);
      await expectSameTensors(found.base?.tensors ?? new Map(), expected.base?.tensors ?? new Map());
    }
    expect((await refusalOf(tenon.inspect(fixture("mlx/lora-f32/adapter"), { alpha: 7 }))).code).toBe(
      "TENON_ALPHA_CONTRADICTED",
    );
  });

  it("is read without its config, as one file too, once alpha is told", async () => {
    const { case: name, base } = { case: "lora-f32", base: "base/llama-f32" };
    await using expected = await openFiles((await merged({ case: name, base })).files);
    const own = files(name);
    own.delete("adapter_config.json");
    const alone = new Map([["adapters.safetensors", own.get("adapters.safetensors") as Uint8Array]]);
    const file = fixture(`mlx/${name}/adapter/adapters.safetensors`);
    for (const source of [memoryTree(own), memoryTree(alone), file]) {
      const output = memorySink();
      await tenon.merge(source, { output, base: fixture(base), alpha: 80 });
      await using found = await openFiles(output.files);
      await expectSameTensors(found.base?.tensors ?? new Map(), expected.base?.tensors ?? new Map());
    }
    const untold = tenon.merge(memoryTree(alone), { output: memorySink(), base: fixture(base) });
    expect((await refusalOf(untold)).code).toBe("TENON_ADAPTER_CONFIG_MISSING");
    // The config beside a file counts for it.
    const output = memorySink();
    await tenon.merge(file, { output, base: fixture(base) });
    await using found = await openFiles(output.files);
    await expectSameTensors(found.base?.tensors ?? new Map(), expected.base?.tensors ?? new Map());
  });

  it("becomes the PEFT adapter that the same factors make", async () => {
    const source = fixture("damaged/d22-mlx/adapters.safetensors");
    const adapterConfig = configAt("damaged/whole/adapter");
    const { files: out } = await convertInMemory(source, "peft", { adapterConfig });
    expect(out.get("adapter_model.safetensors")).toEqual(
      filesAt("damaged/whole/adapter").get("adapter_model.safetensors"),
    );
  });

  it("is refused as a quantised model", async () => {
    const own = new Map([["config.json", JSON.stringify({ quantization: { group_size: 64, bits: 4 } })]]);
    expect((await refusal(own)).code).toBe("TENON_LAYOUT_NOT_YET");
  });
});
