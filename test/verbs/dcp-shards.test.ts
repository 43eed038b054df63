import { beforeAll, describe, expect, it } from "vitest";
import { memorySink, memoryTree, type SourceTree } from "../../src/bytes/index.ts";
import type { JsonRecord, Tensor } from "../../src/core/index.ts";
import { truthOf } from "../layouts/dcp-truth.ts";
import { expectSameTensors } from "../layouts/fixtures.ts";
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

// Safetensors shards of ranks do not say how large a tensor is: whoever reads them is given the base.

const name = "hf-sharded-w2";
const source = fixture(`dcp/${name}`);
/** What the ranks held, in one file with its configs. */
let held: Files;
let base: Files;
const options = (): { readonly base: SourceTree; readonly adapterConfig: JsonRecord } => ({
  base: memoryTree(base),
  adapterConfig: configAt(`dcp/${name}/truth`),
});

beforeAll(async () => {
  const wanted = /^(model|config|adapter_config)\./;
  held = new Map([...filesAt(`dcp/${name}/truth`)].filter(([path]) => wanted.test(path)));
  // Nothing was trained before this save, so what the ranks held is the base, but for LoRA.
  base = (await convertInMemory(memoryTree(held), "hf", { drop: ["adapters"] })).files;
});

async function expectHeld(files: Files): Promise<void> {
  await using opened = await openFiles(files);
  const found = new Map(opened.entries.map(({ tensor }): [string, Tensor] => [tensor.name, tensor]));
  await expectSameTensors(found, await truthOf(name, "model"));
}

describe("safetensors shards of ranks, with the base,", () => {
  it("are inspected and diagnosed as any hybrid", async () => {
    const { layout, base: found, adapters } = await tenon.inspect(source, options());
    expect({ layout, isComplete: found?.isComplete, tensors: found?.tensors }).toEqual({
      layout: "dcp",
      isComplete: true,
      tensors: 12,
    });
    expect(adapters.map((adapter) => adapter.name)).toEqual(["default"]);
    const { findings } = await tenon.diagnose(source, options());
    expect(findings.map(({ code }) => code)).toEqual(["TENON_NAMES_BASE_LAYER"]);
  });

  it("are split: nothing moved, so the adapter is all that is stored", async () => {
    const { files, report } = await splitInMemory(source, options());
    expect(report.base).toMatchObject({ tensors: 0, isComplete: false, reference: { relied: 12 } });
    expect(report.left.filter((path) => path.startsWith("shard-"))).toEqual([]);
    const direct = await splitInMemory(memoryTree(held));
    expect(below(files, "adapters/default")).toEqual(below(direct.files, "adapters/default"));
  });

  it("are merged as the model that the ranks held", async () => {
    const [output, expected] = [memorySink(), memorySink()];
    await tenon.merge(source, { output, ...options() });
    await tenon.merge(memoryTree(held), { output: expected });
    expect(output.files.get("model.safetensors")).toEqual(expected.files.get("model.safetensors"));
  });

  it.each(["dcp", "state-dict"])("are converted --to %s, every weight as the ranks held it", async (to) => {
    const { files } = await convertInMemory(source, to, options());
    await expectHeld(files);
  });

  it("are converted --to hf and --to peft, a half each", async () => {
    const { files: whole } = await convertInMemory(source, "hf", { ...options(), drop: ["adapters"] });
    expect(whole.get("model.safetensors")).toEqual(base.get("model.safetensors"));
    const { files } = await convertInMemory(source, "peft", { ...options(), drop: ["base"] });
    const { files: expected } = await convertInMemory(memoryTree(held), "peft", { drop: ["base"] });
    expect(files).toEqual(expected);
  });

  it("are refused when one is missing, and without the base", async () => {
    const files = new Map([...filesAt(`dcp/${name}`)].filter(([path]) => !path.startsWith("shard-00002")));
    const missing = await refusalOf(splitInMemory(memoryTree(files), options()));
    expect(missing).toMatchObject({ code: "TENON_DCP_COVER", exitCode: 3 });
    for (const run of [splitInMemory, tenon.verify, tenon.inspect])
      expect((await refusalOf(run(source))).code).toBe("TENON_DCP_SHAPES_UNPROVEN");
  });
});
