import { describe, expect, it } from "vitest";
import { memorySink, memoryTree } from "../../src/bytes/index.ts";
import { expectSameTensors } from "../layouts/fixtures.ts";
import { truthOf } from "../layouts/zero/cases.ts";
import { configAt, openFiles, splitInMemory } from "./converted.ts";
import { fixture, tenon } from "./tenon.ts";

describe.each(["z2-w2-bf16", "z3-w2-bf16"])("the universal checkpoint of %s", (name) => {
  const source = fixture(`universal/${name}`);

  it("is inspected by its components", async () => {
    const report = await tenon.inspect(source);
    expect(report.layout).toBe("universal");
    expect(report.optimizer).toMatchObject({ file: "global_step3_universal/zero/optimizer_state.pt" });
  });

  it("is split into what the engine held, optimizer and all", async () => {
    const { files } = await splitInMemory(source);
    await using split = await openFiles(files);
    for (const state of ["fp32", "exp_avg", "exp_avg_sq"]) {
      const found = [...(split.optimizer?.states ?? [])].flatMap(([key, own]) => {
        const tensor = own.get(state);
        return tensor === undefined ? [] : [[key, tensor] as const];
      });
      await expectSameTensors(new Map(found), (await truthOf(name, state)) ?? new Map());
    }
    expect((await tenon.diff(source, memoryTree(files))).isEqual).toBe(true);
  });

  it("is merged as the save that it was made of", async () => {
    const adapterConfig = configAt(`universal/${name}`);
    const [output, other] = [memorySink(), memorySink()];
    await tenon.merge(source, { output });
    await tenon.merge(fixture(`zero/${name}`), { output: other, adapterConfig });
    await using merged = await openFiles(output.files);
    await using same = await openFiles(other.files);
    await expectSameTensors(merged.base?.tensors ?? new Map(), same.base?.tensors ?? new Map());
    expect(merged.base?.tensors.size).toBeGreaterThan(17);
  });
});
