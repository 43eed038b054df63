import { cp, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { memorySink, memoryTree } from "../../src/bytes/index.ts";
import { expectOptimizer, expectWeights, truthOf } from "../layouts/dcp-truth.ts";
import { bytesOf, expectSameTensors } from "../layouts/fixtures.ts";
import { openFiles, splitInMemory } from "./converted.ts";
import { fixture, tenon } from "./tenon.ts";

let scratch = "";
/** FSDP's folders with the configs that nobody saves beside them. */
const sourceOf = (name: string): string => join(scratch, name);

beforeAll(async () => {
  scratch = await mkdtemp(join(tmpdir(), "tenon-dcp-"));
  for (const name of ["fsdp2-w3", "fsdp2-w4"]) {
    const skipped = fixture(`dcp/${name}/truth`);
    await cp(fixture(`dcp/${name}`), sourceOf(name), { recursive: true, filter: (path) => path !== skipped });
    for (const config of ["config.json", "adapter_config.json"])
      await cp(fixture(`dcp/${name}/truth/${config}`), join(sourceOf(name), config));
  }
});
afterAll(async () => {
  await rm(scratch, { recursive: true, force: true });
});

describe.each(["fsdp2-w3", "fsdp2-w4"])("the FSDP save %s", (name) => {
  it("is split into what the ranks held, optimizer and all", async () => {
    const { files, report } = await splitInMemory(sourceOf(name));
    expect(report.left).toEqual(["case.json"]);
    await using split = await openFiles(files);
    await expectOptimizer(split, name);
    await using source = await tenon.open(sourceOf(name));
    await expectWeights(source, name);
    await expectSameTensors(split.base?.tensors ?? new Map(), source.base?.tensors ?? new Map());
    const diff = await tenon.diff(sourceOf(name), memoryTree(files));
    expect(diff.isEqual).toBe(true);
  });

  it("is merged to the bits of PEFT's merge", async () => {
    const output = memorySink();
    await tenon.merge(sourceOf(name), { output, accumulate: "fma" });
    await using merged = await openFiles(output.files);
    await expectSameTensors(merged.base?.tensors ?? new Map(), await truthOf(name, "merged"));
  });

  it("is sound, until a bit of a rank's file changes", async () => {
    expect((await tenon.verify(sourceOf(name))).failures).toEqual([]);
    const damaged = join(scratch, `${name}-damaged`);
    await cp(sourceOf(name), damaged, { recursive: true });
    await using source = await tenon.open(damaged);
    const tensor = source.base?.tensors.get("model.embed_tokens.weight");
    await tensor?.locate?.();
    const { path, byteOffset } = tensor?.extents?.[1] ?? { path: "", byteOffset: 0 };
    const bytes = await readFile(path);
    bytes[byteOffset] = (bytes[byteOffset] as number) ^ 1;
    await writeFile(path, bytes);
    const { failures } = await tenon.verify(damaged);
    expect(failures.map(({ check, file }) => [check, file])).toEqual([
      ["crc32", path.slice(damaged.length + 1)],
    ]);
    expect((await bytesOf(tensor)).length).toBe(tensor?.byteLength);
  });

  it("is inspected and diagnosed as any hybrid", async () => {
    const inspected = await tenon.inspect(sourceOf(name));
    expect(inspected.optimizer?.states).toBe(9);
    const codes = (await tenon.diagnose(sourceOf(name))).findings.map(({ code }) => code);
    expect(codes).toEqual(["TENON_NAMES_BASE_LAYER"]);
  });
});
