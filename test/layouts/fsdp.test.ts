import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { memoryTree } from "../../src/bytes/index.ts";
import { localTree } from "../../src/bytes/node/index.ts";
import { isTenonError, type Observation } from "../../src/core/index.ts";
import { formats } from "../../src/formats/index.ts";
import { dcp, detectLayout, layouts, type OpenOptions } from "../../src/layouts/index.ts";
import { canonicalTruth, expectOptimizer, expectWeights, truthOf } from "./dcp-truth.ts";
import { bytesOf, fixturePath, openFixture } from "./fixtures.ts";

type Files = Map<string, Uint8Array | string>;

async function filesOf(path: string, inside = ""): Promise<Files> {
  const tree = await localTree(fixturePath(path));
  const names = (await tree.list()).map((file) => file.path).filter((name) => !name.startsWith("truth/"));
  const folders = new Set(names.map((name) => name.slice(0, name.lastIndexOf("/") + 1)));
  for (const folder of folders)
    if ((await tree.find(`${folder}.metadata`)) !== undefined) names.push(`${folder}.metadata`);
  return new Map(names.map((name) => [inside + name, readFileSync(fixturePath(`${path}/${name}`))]));
}

async function openFiles(files: Files, options: Partial<OpenOptions> = {}) {
  const tree = memoryTree(files);
  const { layout } = await detectLayout(tree, layouts, { formats });
  return layout.open(tree, { formats, ...options });
}

async function codeOf(files: Files, options: Partial<OpenOptions> = {}): Promise<string> {
  try {
    await (await openFiles(files, options)).close();
  } catch (error) {
    if (isTenonError(error)) return error.code;
    throw error;
  }
  return "none";
}

describe("a checkpoint that accelerate saved of FSDP", () => {
  for (const name of ["fsdp2-w3", "fsdp1-w2", "fsdp2-w2-full"])
    it(`${name}: weights, moments, steps and groups`, async () => {
      await using checkpoint = await openFixture(`dcp/${name}`);
      expect(checkpoint.layout).toBe("accelerate");
      await expectWeights(checkpoint, name);
      await expectOptimizer(checkpoint, name);
    });

  it("as a Trainer's checkpoint-N, sharded and full", async () => {
    for (const name of ["fsdp2-w3", "fsdp2-w2-full"]) {
      const files = await filesOf(`dcp/${name}`);
      files.set("trainer_state.json", '{"global_step": 3}');
      await using checkpoint = await openFiles(files);
      expect(checkpoint.layout).toBe("trainer");
      await expectWeights(checkpoint, name);
      await expectOptimizer(checkpoint, name);
      expect(checkpoint.trainer?.documents.get("trainer_state.json")).toEqual({ global_step: 3 });
    }
  });

  it("with the adapter alone lost what was trained beside it, and says which", async () => {
    await using checkpoint = await openFixture("dcp/fsdp2-w2-adapter-only");
    expect(checkpoint.base).toBeUndefined();
    const lost = checkpoint.observations.find(({ code }) => code === "TENON_TRAINED_BASE_LOST");
    expect([...(lost?.names ?? [])].sort()).toEqual([
      "model.layers.0.input_layernorm.weight",
      "model.layers.0.mlp.up_proj.weight",
      "model.layers.0.post_attention_layernorm.weight",
      "model.layers.0.self_attn.q_proj.weight",
      "model.norm.weight",
    ]);
    await expectOptimizer(checkpoint, "fsdp2-w2-adapter-only");
    const canonical = await canonicalTruth("fsdp2-w2-adapter-only");
    for (const [stored, tensor] of await truthOf("fsdp2-w2-adapter-only", "model")) {
      const [, module = "", factor] = /^default:(.*)\.(lora_[AB])$/.exec(canonical.get(stored) ?? "") ?? [];
      const found = checkpoint.adapters.get("default")?.modules.get(module);
      if (factor !== undefined)
        expect(await bytesOf(factor === "lora_A" ? found?.loraA : found?.loraB)).toEqual(
          await bytesOf(tensor),
        );
    }
  });

  it("prefers FSDP's save to the adapter file beside it, and a whole model to FSDP's save", async () => {
    const files = await filesOf("dcp/fsdp2-w3");
    files.set("adapter_model.safetensors", "broken, so it must not be opened");
    await using adapter = await openFiles(files);
    await expectWeights(adapter, "fsdp2-w3");
    const passedOver = ({ observations }: typeof adapter) =>
      observations.find(({ code }) => code === "TENON_WEIGHTS_PASSED_OVER")?.names;
    expect(passedOver(adapter)).toEqual(["adapter_model.safetensors"]);
    const beside = await filesOf("dcp/fsdp2-w3");
    beside.set("model.safetensors", readFileSync(fixturePath("dcp/fsdp2-w3/truth/merged.safetensors")));
    await using whole = await openFiles(beside);
    expect(whole.adapters.size).toBe(0);
    expect(passedOver(whole)).toEqual(["pytorch_model_fsdp_0"]);
    await expectOptimizer(whole, "fsdp2-w3");
  });

  it("that was interrupted is refused, and stepped over where somebody listens", async () => {
    const files = await filesOf("dcp/fsdp2-w3");
    files.delete("optimizer_0/.metadata");
    expect(await codeOf(files)).toBe("TENON_DCP_METADATA_MISSING");
    const seen: Observation[] = [];
    await using checkpoint = await openFiles(files, { report: (each) => seen.push(each) });
    expect(seen.map(({ code, names }) => [code, names])).toEqual([
      ["TENON_DCP_METADATA_MISSING", ["optimizer_0"]],
    ]);
    await expectWeights(checkpoint, "fsdp2-w3");
  });

  it("of which one rank's file was cut short is refused", async () => {
    const files = await filesOf("dcp/fsdp2-w3");
    const path = "pytorch_model_fsdp_0/__1_0.distcp";
    files.set(path, (files.get(path) as Uint8Array).slice(0, 3000));
    expect(await codeOf(files)).toBe("TENON_DCP_FILE_SHORT");
  });

  it("with files of single ranks is refused", async () => {
    const files: Files = new Map([
      ["pytorch_model_fsdp_rank0.bin", "x"],
      ["pytorch_model_fsdp_rank1.bin", "x"],
      ["optimizer_0_rank0.bin", "x"],
    ]);
    expect(await codeOf(files)).toBe("TENON_FSDP_RANK_FILES");
  });

  it("with one rank's slice of everything is refused: accelerate #4206", async () => {
    const files = await filesOf("dcp/fsdp2-w2-slice");
    expect(await codeOf(files)).toBe("TENON_FSDP_SLICE");
    const seen: Observation[] = [];
    await (await openFiles(files, { report: (each) => seen.push(each) })).close();
    expect(seen[0]?.facts?.["message"]).toMatch(/of about 2: .* has 1 of 2 rows/);
    // Without LoRA the model's config tells.
    const config = readFileSync(fixturePath("dcp/fsdp2-w2-slice/truth/config.json"));
    expect(await codeOf(new Map([...files, ["config.json", config]]))).toBe("TENON_FSDP_SLICE");
  });
});

describe("safetensors shards of ranks", () => {
  const base = async () => {
    const truth = await openFixture("dcp/hf-sharded-w2/truth/model.safetensors");
    return { tensors: truth.base?.tensors ?? new Map(), ties: new Map<string, string>() };
  };

  it("hold the weights that the ranks held, where a base proves their shapes", async () => {
    await using checkpoint = await openFixture("dcp/hf-sharded-w2", { knownBase: await base() });
    expect(checkpoint.layout).toBe("dcp");
    await expectWeights(checkpoint, "hf-sharded-w2");
  });

  it("are refused without one: a missing last shard would look the same", async () => {
    const files = await filesOf("dcp/hf-sharded-w2");
    expect(await codeOf(files)).toBe("TENON_DCP_SHAPES_UNPROVEN");
    const only = new Map([...files].filter(([path]) => !path.startsWith("shard-00002")));
    expect(await codeOf(only, { knownBase: await base() })).toBe("TENON_DCP_COVER");
  });

  it("are refused when one is empty, missing in the middle, or does not say where it belongs", async () => {
    const files = await filesOf("dcp/hf-sharded-w2");
    const knownBase = await base();
    const first = "shard-00001-model-00001-of-00002.safetensors";
    expect(await codeOf(new Map([...files, [first, ""]]), { knownBase })).toBe("TENON_DCP_SHARD_EMPTY");
    const later = new Map([...files].filter(([path]) => !path.startsWith("shard-00001")));
    expect(await codeOf(later, { knownBase })).toBe("TENON_DCP_RANK_MISSING");
    const plain = readFileSync(fixturePath("dcp/hf-consolidated-w2/model-00001-of-00002.safetensors"));
    expect(await codeOf(new Map([...files, [first, plain]]), { knownBase })).toBe("TENON_DCP_SHARDING_INFO");
  });

  it("are not needed once they are consolidated", async () => {
    await using checkpoint = await openFixture("dcp/hf-consolidated-w2");
    await expectWeights(checkpoint, "hf-consolidated-w2");
    expect(dcp.refines).toContain("state-dict");
  });
});
