import { cp, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { memoryTree } from "../../src/bytes/index.ts";
import { readMetadata } from "../../src/layouts/dcp/metadata.ts";
import { arrangeDcp } from "../../src/layouts/dcp/write.ts";
import { dcp, type Layout, layouts as ownLayouts } from "../../src/layouts/index.ts";
import { expectOptimizer, expectWeights } from "../layouts/dcp-truth.ts";
import { expectSameTensors } from "../layouts/fixtures.ts";
import { truthOf as zeroTruth } from "../layouts/zero/cases.ts";
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

let scratch = "";
const sourceOf = (name: string): string => join(scratch, name);
const saves = ["fsdp2-w3", "fsdp2-w4", "fsdp1-w2", "hsdp-2x2", "titan-w2", "fsdp2-w2-tied"];

beforeAll(async () => {
  scratch = await mkdtemp(join(tmpdir(), "tenon-to-dcp-"));
  for (const name of saves) {
    const skipped = ["truth", "case.json", "metadata-of-torch-2.1"].map((file) =>
      fixture(`dcp/${name}/${file}`),
    );
    const filter = (path: string): boolean => !skipped.includes(path);
    await cp(fixture(`dcp/${name}`), sourceOf(name), { recursive: true, filter });
    for (const config of ["config.json", "adapter_config.json"])
      await cp(fixture(`dcp/${name}/truth/${config}`), join(sourceOf(name), config));
  }
});
afterAll(async () => {
  await rm(scratch, { recursive: true, force: true });
});

/** What split wrote, but for the manifest. Tied weights lie in DCP under both names, so a tied base is more there. */
const components = (files: Files, isTied = false): Files => {
  const left = isTied ? /^(tenon\.json$|base\/)/ : /^tenon\.json$/;
  return new Map([...files].filter(([path]) => !left.test(path)));
};

describe.each(saves)("the FSDP save %s, converted to dcp,", (name) => {
  it("holds what the ranks held, by the same names", async () => {
    const { files } = await convertInMemory(sourceOf(name), "dcp");
    await using opened = await openFiles(files);
    expect(opened.layout).toBe("dcp");
    if (name !== "fsdp2-w2-tied") {
      await expectWeights(opened, name);
      await expectOptimizer(opened, name);
    }
    await using source = await tenon.open(sourceOf(name));
    const named = (from: typeof source): Map<string, (typeof source.entries)[number]["tensor"]> =>
      new Map(from.entries.map(({ tensor }) => [tensor.name, tensor]));
    await expectSameTensors(named(opened), named(source));
    expect((await tenon.verify(memoryTree(files))).failures).toEqual([]);
  });

  it("is split into the files that its source is split into, and is itself again", async () => {
    const { files } = await convertInMemory(sourceOf(name), "dcp");
    const [direct, through] = [await splitInMemory(sourceOf(name)), await splitInMemory(memoryTree(files))];
    expect(components(through.files)).toEqual(components(direct.files));
    const again = await convertInMemory(memoryTree(files), "dcp");
    expect(again.files).toEqual(files);
    const back = await convertInMemory(memoryTree(direct.files), "dcp");
    expect([...back.files.keys()].sort()).toEqual([...files.keys()].sort());
    expect((await tenon.diff(memoryTree(back.files), memoryTree(files))).isEqual).toBe(true);
  });
});

const layersIn = (name: string): RegExpExecArray | null => /^default:(.+)\.(lora_[AB])$/.exec(name);

/** Every trained parameter is its master, bit for bit. */
async function expectMasters(files: Files, name: string): Promise<void> {
  await using opened = await openFiles(files);
  const masters = (await zeroTruth(name, "fp32")) ?? new Map();
  expect(masters.size).toBeGreaterThan(0);
  const found = [...masters.keys()].map((each) => {
    const [, path = "", factor] = layersIn(each) ?? [];
    const module = opened.adapters.get("default")?.modules.get(path);
    const tensor =
      factor === undefined
        ? opened.base?.tensors.get(each)
        : factor === "lora_A"
          ? module?.loraA
          : module?.loraB;
    return [each, tensor] as const;
  });
  await expectSameTensors(new Map(found) as never, masters);
}

describe("a large tensor as dcp", () => {
  const layouts = ownLayouts.map(
    (layout): Layout =>
      layout === dcp ? { ...dcp, arrange: (draft, options) => arrangeDcp(draft, options, 150) } : layout,
  );

  it.each(["fsdp2-w4", "titan-w2"])("lies in chunks of whole rows: %s", async (name) => {
    const { files } = await convertInMemory(sourceOf(name), "dcp", { layouts, maxShardBytes: 1000 });
    const { tensors } = readMetadata(files.get(".metadata") ?? new Uint8Array(), ".metadata");
    const counts = [...tensors].map(([each, { chunks }]) => [
      each.split(".").slice(-2).join("."),
      chunks.length,
    ]);
    // 37 rows of 16: 32 bytes each in bf16 and 64 in f32, so four or two in a chunk. Vectors and scalars fit whole.
    expect(Object.fromEntries(counts)).toMatchObject({
      "embed_tokens.weight": name === "fsdp2-w4" ? 10 : 19,
      "norm.weight": 1,
      "weight.step": 1,
    });
    await using opened = await openFiles(files);
    await expectWeights(opened, name);
    await expectOptimizer(opened, name);
    const { files: again } = await convertInMemory(memoryTree(files), "dcp");
    const { files: direct } = await convertInMemory(sourceOf(name), "dcp");
    expect(again).toEqual(direct);
  });
});

describe("other sources as dcp", () => {
  it.each(["llama-small-bf16", "llama-bias-bf16"])(
    "a model is the same directory again: %s",
    async (name) => {
      const { files } = await convertInMemory(fixture(`base/${name}`), "dcp");
      const { files: back } = await convertInMemory(memoryTree(files), "hf", { maxShardBytes: 20_000 });
      const { files: direct } = await convertInMemory(fixture(`base/${name}`), "hf", {
        maxShardBytes: 20_000,
      });
      expect(back).toEqual(direct);
    },
  );

  it("a tied model has both of its names in full", async () => {
    const { files } = await convertInMemory(fixture("base/llama-tied-bf16"), "dcp");
    await using opened = await openFiles(files);
    await using source = await tenon.open(fixture("base/llama-tied-bf16"));
    const embeddings = source.base?.tensors.get("model.embed_tokens.weight");
    const found = opened.entries.map(({ tensor }) => [tensor.name, tensor] as const);
    const both = new Map(found.filter(([each]) => /^(lm_head|model\.embed_tokens)\.weight$/.test(each)));
    await expectSameTensors(
      both,
      new Map(["lm_head.weight", "model.embed_tokens.weight"].map((each) => [each, embeddings as never])),
    );
  });

  it.each(["z3-w3-sub-groups", "z3-w2-tied"])(
    "%s: masters are the weights, the rest is as split has it",
    async (name) => {
      const options = { adapterConfig: configAt(`zero/${name}/truth`), drop: ["trainer"] };
      const { files } = await convertInMemory(fixture(`zero/${name}`), "dcp", options);
      const [direct, through] = [
        await splitInMemory(fixture(`zero/${name}`), { ...options, drop: ["trainer", "masters"] }),
        await splitInMemory(memoryTree(files)),
      ];
      const isTied = name.endsWith("tied");
      expect(components(through.files, isTied)).toEqual(components(direct.files, isTied));
      await expectMasters(files, name);
    },
  );

  it("asks about masters beside weights, and about documents that have no place", async () => {
    const options = { adapterConfig: configAt("zero/z2-w2-bf16/truth") };
    const found = await refusalOf(convertInMemory(fixture("zero/z2-w2-bf16"), "dcp", options));
    expect(found).toMatchObject({ code: "TENON_LAYOUT_CANNOT_HOLD", exitCode: 1 });
    expect(found.details["lost"]).toMatchObject([
      expect.stringMatching(/^fp32 masters of 17 parameters/),
      expect.stringMatching(/^trainer state \(deepspeed\.json/),
    ]);
    expect(found.hint).toContain(
      "Write masters as the weights: --from-master. Or leave it out: --drop masters --drop trainer",
    );
    const drop = ["masters", "trainer"];
    const { files } = await convertInMemory(fixture("zero/z2-w2-bf16"), "dcp", { ...options, drop });
    const direct = await splitInMemory(fixture("zero/z2-w2-bf16"), { ...options, drop });
    const through = await splitInMemory(memoryTree(files));
    expect(components(through.files)).toEqual(components(direct.files));
  });

  it.each(["z2-w2-bf16", "z1-w3-fp32", "z2-w2-tied"])(
    "%s --from-master has masters as its weights",
    async (name) => {
      const options = { adapterConfig: configAt(`zero/${name}/truth`), drop: ["trainer"], fromMaster: true };
      const { files, report } = await convertInMemory(fixture(`zero/${name}`), "dcp", options);
      await expectMasters(files, name);
      expect(report.masters).toHaveLength((await zeroTruth(name, "fp32"))?.size ?? 0);
      expect(report.advice.join("\n")).toContain("make a schedule after loading");
      const direct = await splitInMemory(fixture(`zero/${name}`), {
        ...options,
        drop: ["trainer", "masters"],
      });
      const through = await splitInMemory(memoryTree(files));
      expect(below(through.files, "optimizer")).toEqual(below(direct.files, "optimizer"));
      // A split keeps masters, so it can be written later; the weights are the same then.
      const kept = await splitInMemory(fixture(`zero/${name}`), {
        adapterConfig: options.adapterConfig,
        drop: ["trainer"],
      });
      const later = await convertInMemory(memoryTree(kept.files), "dcp", { fromMaster: true });
      await expectMasters(later.files, name);
    },
  );

  it("takes frozen weights, which DeepSpeed left out, from the base", async () => {
    const adapterConfig = configAt("zero/z2-w2-bf16/truth");
    const options = { adapterConfig, drop: ["trainer"], fromMaster: true };
    const { files: whole } = await convertInMemory(fixture("zero/z2-w2-bf16"), "dcp", options);
    const configured = new Map(whole).set(
      "config.json",
      filesAt("zero/z2-w2-bf16/truth").get("config.json") ?? new Uint8Array(),
    );
    const drop = ["adapters", "optimizer"];
    const { files: base } = await convertInMemory(memoryTree(configured), "hf", { drop });
    const source = fixture("zero/z2-w2-exclude-frozen");
    const alone = await refusalOf(convertInMemory(source, "dcp", options));
    expect(alone).toMatchObject({ code: "TENON_LAYOUT_NEEDS_WHOLE_BASE", exitCode: 1 });
    const { files } = await convertInMemory(source, "dcp", { ...options, base: memoryTree(base) });
    const [found, expected] = [
      await splitInMemory(memoryTree(files)),
      await splitInMemory(memoryTree(configured)),
    ];
    expect(components(found.files)).toEqual(components(expected.files));
  });

  it("takes masters for weights only where there are some, and of one step with the weights", async () => {
    const options = { fromMaster: true };
    const none = await refusalOf(convertInMemory(fixture("base/llama-small-bf16"), "dcp", options));
    expect(none).toMatchObject({ code: "TENON_MASTER_ABSENT", exitCode: 1 });
    const { files } = await splitInMemory(fixture("zero/z2-w2-bf16"), {
      adapterConfig: configAt("zero/z2-w2-bf16/truth"),
    });
    const [path = ""] = [...files.keys()].filter((each) => /^base\/.*safetensors$/.test(each));
    const damaged = Uint8Array.from(files.get(path) ?? []);
    // The high byte of the last element: its exponent.
    damaged[damaged.length - 1] = (damaged.at(-1) ?? 0) ^ 8;
    const source = memoryTree(new Map(files).set(path, damaged));
    const apart = await refusalOf(convertInMemory(source, "dcp", { fromMaster: true, drop: ["trainer"] }));
    expect(apart).toMatchObject({ code: "TENON_MASTER_DIFFERS", exitCode: 1 });
  });

  it("says what whoever loads it must know", async () => {
    const drop = ["trainer"];
    const elastic = await convertInMemory(fixture("zero/z2-w2-elastic"), "dcp", { drop, fromMaster: true });
    expect(elastic.report.advice.join("\n")).toContain("allow_partial_load=True");
    const titan = await convertInMemory(sourceOf("titan-w2"), "dcp");
    expect(titan.report.advice.join("\n")).toContain("numbers of dcp.json are written as Python numbers");
    const model = await convertInMemory(fixture("base/llama-small-bf16"), "dcp");
    expect(model.report.advice).toEqual([]);
    expect(model.report.masters).toEqual([]);
  });
});
