import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { memorySink, memoryTree } from "../../src/bytes/index.ts";
import { expectSameTensors, hybridCase } from "../layouts/fixtures.ts";
import {
  below,
  configAt,
  convertInMemory,
  filesAt,
  openFiles,
  refusalOf,
  splitInMemory,
} from "./converted.ts";
import { differences } from "./golden.ts";
import { fixture, tenon } from "./tenon.ts";
import { type Stored, safetensorsFile, stored } from "./tensor-files.ts";

// Made by transformers 5, which fuses experts when it loads and takes them apart when it saves; PEFT wrote and merged the adapters.
const cases = ["mixtral", "qwen2-moe"].flatMap((model) => [
  `${model}/state-dict`,
  `${model}/state-dict-experts`,
]);

function caseOf(name: string) {
  const { source, truth, adapterConfig } = hybridCase(name);
  const base = fixture(`base/${name.split("/")[0]}-bf16`);
  return { source: fixture(source), truth, options: { base, adapterConfig: configAt(`${adapterConfig}`) } };
}

/** A model whose tensors were changed, as one file beside its config. */
async function altered(
  path: string,
  change: (tensors: Map<string, Stored>) => void,
): Promise<ReturnType<typeof memoryTree>> {
  await using opened = await tenon.open(path);
  const tensors = await stored(new Map(opened.entries.map(({ tensor }) => [tensor.name, tensor])));
  change(tensors);
  return memoryTree(new Map([["model.safetensors", safetensorsFile(tensors)]]));
}

describe("fused experts of a live model, beside a base that stores each expert", () => {
  for (const name of cases) {
    const { source, truth, options } = caseOf(name);

    it(`of ${name} come apart: what moved is stored expert by expert, the adapter as PEFT writes it`, async () => {
      const { files, report } = await splitInMemory(source, options);
      expect(report.base).toMatchObject({ tensors: 6, isComplete: false });
      await using split = await openFiles(files);
      const experts = [...(split.base?.tensors.keys() ?? [])].filter((each) => each.includes(".experts."));
      expect(experts.map((each) => /experts\.(\d)\.(\w+)/.exec(each)?.slice(1).join(" ")).sort()).toEqual(
        name.startsWith("mixtral") ? ["1 w1", "1 w3", "2 w2"] : ["1 gate_proj", "1 up_proj", "2 down_proj"],
      );
      const own = below(files, "adapters/default").get("adapter_model.safetensors") as Uint8Array;
      const peft = readFileSync(fixture(`${truth}/adapter/adapter_model.safetensors`));
      expect(Buffer.compare(own, peft)).toBe(0);
    });

    it(`of ${name} are the directory that transformers saves, once the base is laid under them`, async () => {
      const { files } = await convertInMemory(source, "hf", { ...options, drop: ["adapters"] });
      await using written = await openFiles(files);
      await using expected = await tenon.open(fixture(`${truth}/base`));
      await expectSameTensors(written.base?.tensors ?? new Map(), expected.base?.tensors ?? new Map());
    });

    it(`of ${name} merge to PEFT's bits, straight and from the split`, async () => {
      const { files } = await splitInMemory(source, options);
      for (const from of [source, memoryTree(files)]) {
        const output = memorySink();
        await tenon.merge(from, { ...options, output, accumulate: "fma" });
        expect(await differences(output.files, fixture(`${truth}/merged`))).toEqual([]);
      }
    });

    it(`of ${name} are compared expert by expert, whichever side is fused`, async () => {
      const compared = ["1 changed", "2 changed"];
      const sides = [source, options.base] as const;
      for (const [a, b] of [sides, [sides[1], sides[0]]] as const) {
        const { tensors, byStatus } = await tenon.diff(a, b);
        const moved = tensors.filter((row) => row.name.includes(".experts.") && row.component === "base");
        expect(moved.filter(({ status }) => status !== "equal")).toHaveLength(3);
        expect(moved).toHaveLength(9);
        expect(byStatus.shape + byStatus.dtype).toBe(0);
        const ids = moved
          .filter(({ status }) => status === "changed")
          .map((row) => /experts\.(\d)/.exec(row.name)?.[1]);
        expect([...new Set(ids)].sort().map((id) => `${id} changed`)).toEqual(compared);
      }
    });

    it(`of ${name} are known to inspect, and no strangers to the doctor`, async () => {
      const { moved } = await tenon.inspect(source, options);
      expect(moved).toMatchObject({ changed: 6 });
      const { findings } = await tenon.diagnose(source, options);
      const strangers = findings.filter(({ code }) => code === "TENON_NAMES_NOT_IN_BASE");
      expect(strangers).toEqual([]);
    });
  }
});

describe("fused experts that do not fit", () => {
  const { source, options } = caseOf("mixtral/state-dict");

  it("are refused by their number", async () => {
    const four = await altered(source, (tensors) => {
      for (const [name, tensor] of tensors) {
        if (!/gate_up_proj|down_proj/.test(name)) continue;
        const { bytes, shape } = tensor;
        const more = new Uint8Array((bytes.length / 3) * 4);
        more.set(bytes);
        tensors.set(name, { ...tensor, bytes: more, shape: [4, ...shape.slice(1)] });
      }
    });
    const found = await refusalOf(splitInMemory(four, options));
    expect(found).toMatchObject({
      code: "TENON_BASE_EXPERTS",
      exitCode: 1,
      details: { found: [4, 32, 24], experts: 3 },
      hint: "Give the base that it was trained on.",
    });
  });

  it("are refused by their shape, as the single expert that does not fit", async () => {
    const wide = await altered(source, (tensors) => {
      for (const [name, tensor] of tensors) {
        if (!name.includes("gate_up_proj")) continue;
        const { bytes, shape } = tensor;
        tensors.set(name, {
          ...tensor,
          bytes: bytes.slice(0, bytes.length / 2),
          shape: [3, 24, shape[2] ?? 0],
        });
      }
    });
    const found = await refusalOf(splitInMemory(wide, options));
    expect(found).toMatchObject({
      code: "TENON_BASE_SHAPE_MISMATCH",
      details: { found: [12, 32], allowed: [24, 32] },
    });
  });

  it("of the base are no base for single ones, and the remedy is a base that works", async () => {
    const { files } = await convertInMemory(source, "state-dict", { drop: ["adapters"] });
    const fused = memoryTree(
      new Map([...files, ...[...filesAt("base/mixtral-bf16")].filter(([path]) => path === "config.json")]),
    );
    const single = fixture(hybridCase("mixtral/state-dict").truth);
    const found = await refusalOf(splitInMemory(`${single}/base`, { base: fused }));
    expect(found).toMatchObject({ code: "TENON_BASE_EXPERTS", exitCode: 1 });
    expect(found.hint).toContain("save_pretrained");
    expect((await splitInMemory(`${single}/base`, { base: options.base })).report.base?.tensors).toBe(6);
  });

  it("are not written one by one into a file that PEFT would pass over", async () => {
    const found = await refusalOf(convertInMemory(source, "peft-hybrid", options));
    expect(found).toMatchObject({ code: "TENON_LAYOUT_EXPERTS_APART", exitCode: 1, details: { tensors: 3 } });
    const { base: _, ...without } = options;
    const { files } = await convertInMemory(source, "peft-hybrid", without);
    await using opened = await openFiles(files);
    expect(opened.entries.map(({ tensor }) => tensor.name)).toContain(
      "base_model.model.model.layers.0.mlp.experts.gate_up_proj",
    );
  });
});
