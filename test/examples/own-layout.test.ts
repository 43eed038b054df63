import { describe, expect, it } from "vitest";
import { plainFormat } from "../../examples/own-format.ts";
import { plainLayout, withPlain } from "../../examples/own-layout.ts";
import { memorySink, memoryTree } from "../../src/bytes/index.ts";
import { dtypes } from "../../src/core/index.ts";
import { formatContract } from "../contract/format.contract.ts";
import { layoutContract } from "../contract/layout.contract.ts";
import { differences } from "../verbs/golden.ts";
import { fixture, tenon } from "../verbs/tenon.ts";

formatContract({ format: plainFormat, extension: ".plain", dtypes });
layoutContract({ layout: plainLayout, base: "whole", adapters: "none", formats: withPlain.formats });

const base = fixture("base/llama-bf16");
const adapters = [fixture("merge/linear-bf16/adapter")];

/** The files of a base in the layout of the example. */
async function plainBase(): Promise<ReadonlyMap<string, Uint8Array>> {
  const output = memorySink();
  const report = await tenon.convert(base, { to: "plain", output, ...withPlain });
  expect(report.layout).toBe("plain");
  return output.files;
}

describe("a layout of one's own, given as an option", () => {
  it("is written by convert, with the files that go along", async () => {
    expect([...(await plainBase()).keys()].sort()).toEqual([
      "config.json",
      "generation_config.json",
      "weights.plain",
    ]);
  });

  it("is recognised and inspected", async () => {
    const inspection = await tenon.inspect(memoryTree(await plainBase()), withPlain);
    const own = await tenon.inspect(base);
    expect(inspection).toMatchObject({ layout: "plain", evidence: ["weights.plain is here"] });
    expect(inspection.base?.parameters).toBe(own.base?.parameters);
  });

  it("is not known where it is not given", async () => {
    const opening = tenon.open(memoryTree(await plainBase()));
    await expect(opening).rejects.toMatchObject({ code: "TENON_LAYOUT_UNKNOWN" });
  });

  it("is converted back to the bytes that it came from", async () => {
    const output = memorySink();
    await tenon.convert(memoryTree(await plainBase()), { to: "hf", output, ...withPlain });
    expect(await differences(output.files, base)).toEqual([]);
  });

  it("is a base to merge into, with PEFT's bytes", async () => {
    const output = memorySink();
    const source = memoryTree(await plainBase());
    await tenon.merge(source, { adapters, accumulate: "fma", output, ...withPlain });
    expect(await differences(output.files, fixture("merge/linear-bf16/expected"))).toEqual([]);
  });

  it("refuses what does not fit, with an error of its own", async () => {
    const writing = tenon.convert(adapters[0] as string, { to: "plain", output: memorySink(), ...withPlain });
    await expect(writing).rejects.toMatchObject({ code: "PLAIN_CANNOT_HOLD", exitCode: 1 });
  });
});
