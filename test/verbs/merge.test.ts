import { readdirSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { memorySink } from "../../src/bytes/index.ts";
import type { MergeOptions, MergeReport } from "../../src/verbs/index.ts";
import { differences, json, openWritten, valuesOf } from "./golden.ts";
import { fixture, tenon } from "./tenon.ts";

type Files = ReadonlyMap<string, Uint8Array>;

async function merged(
  name: string,
  options: Partial<MergeOptions> = {},
): Promise<{ files: Files; report: MergeReport }> {
  const facts = json(`merge/${name}/case.json`);
  const [adapter] = facts["adapters"] as string[];
  const output = memorySink();
  const report = await tenon.merge(fixture(facts["base"] as string), {
    adapters: [fixture(adapter as string)],
    output,
    accumulate: "fma",
    ...options,
  });
  return { files: output.files, report };
}

const refused: Record<string, string> = {
  bdlora: "TENON_ADAPTER_BDLORA",
  "layer-replication": "TENON_ADAPTER_LAYER_REPLICATION",
  "init-olora": "TENON_ADAPTER_REWRITES_BASE",
  "init-pissa": "TENON_ADAPTER_REWRITES_BASE",
  "two-adapters": "TENON_ADAPTER_WANTED",
  "weighted-cat": "TENON_ADAPTER_WANTED",
  "weighted-linear": "TENON_ADAPTER_WANTED",
};
/** Summed or normed by a kernel of torch's own, whose order is not known: compared within the bound of their case. */
const bounded = ["conv1d", "conv2d", "parameter-2d", "dora-conv2d", "dora-f32", "dora-gpt2"];
const tied = ["tied-both-targeted", "tied-embedding-targeted", "tied-lm-head-targeted"];
const cases = readdirSync(fixture("merge"));
const exact = cases.filter(
  (name) => refused[name] === undefined && ![...bounded, ...tied, "tied-ensure"].includes(name),
);

describe("a merge, compared with PEFT's merge_and_unload", () => {
  it.each(exact)("has the same bytes and the same config: %s", async (name) => {
    const { files, report } = await merged(name);
    expect(await differences(files, fixture(`merge/${name}/expected`))).toEqual([]);
    expect(report.adapters.map(({ unused }) => unused)).toEqual([[]]);
    expect(report.adapters[0]?.used.length).toBeGreaterThan(0);
  });

  const safe = cases.filter((name) => readdirSync(fixture(`merge/${name}`)).includes("expected-safe"));
  it.each(safe)("has the bytes of safe_merge with rounding twice: %s", async (name) => {
    const { files } = await merged(name, { rounding: "twice" });
    expect(await differences(files, fixture(`merge/${name}/expected-safe`))).toEqual([]);
  });

  it.each(bounded)("is within the relative bound that the case states: %s", async (name) => {
    const { relative } = json(`merge/${name}/case.json`)["bound"] as { relative: number };
    const { files } = await merged(name);
    await using ours = await openWritten(files);
    await using theirs = await openWritten(fixture(`merge/${name}/expected`));
    await using base = await openWritten(fixture(json(`merge/${name}/case.json`)["base"] as string));
    expect([...(ours.base?.tensors.keys() ?? [])].sort()).toEqual(
      [...(theirs.base?.tensors.keys() ?? [])].sort(),
    );
    for (const [parameter, tensor] of theirs.base?.tensors ?? []) {
      const [found, before] = [ours.base?.tensors.get(parameter), base.base?.tensors.get(parameter)];
      if (found === undefined || before === undefined) throw new Error(parameter);
      const [x, w] = [await valuesOf(found), await valuesOf(before)];
      for (const [i, y] of (await valuesOf(tensor)).entries()) {
        const allowed = relative * (Math.abs(w[i] ?? 0) + Math.abs(y));
        expect(Math.abs((x[i] ?? Number.NaN) - y), `${parameter}[${i}]`).toBeLessThanOrEqual(allowed);
      }
    }
  });

  it.each([
    [["default", "second"], "expected-default-second"],
    [["second", "default"], "expected-second-default"],
    [["default"], "expected-default"],
    [["second"], "expected-second"],
  ])("takes several adapters in the order given, each rounded: %j", async (names, expected) => {
    const { files } = await merged("two-adapters", { choose: names.map((name) => ({ name })) });
    expect(await differences(files, fixture(`merge/two-adapters/${expected}`))).toEqual([]);
  });

  it("takes them from several sources, too", async () => {
    const output = memorySink();
    const report = await tenon.merge(fixture("base/llama-small-bf16"), {
      adapters: [fixture("merge/two-adapters/adapter/second"), fixture("merge/linear-r4/adapter")],
      output,
    });
    expect(report.adapters.map(({ label }) => label)).toEqual(["second", "adapter"]);
  });

  it("weighs adapters: near PEFT's own combination, which rounds its factors first", async () => {
    const choose = [
      { name: "default", weight: 0.75 },
      { name: "second", weight: -0.5 },
    ];
    const { files, report } = await merged("weighted-cat", { choose });
    expect(report.adapters.map(({ weight }) => weight)).toEqual([0.75, -0.5]);
    await using ours = await openWritten(files);
    await using theirs = await openWritten(fixture("merge/weighted-cat/expected"));
    await using base = await openWritten(fixture("base/llama-small-bf16"));
    let moved = 0;
    for (const [parameter, tensor] of theirs.base?.tensors ?? []) {
      const [found, before] = [ours.base?.tensors.get(parameter), base.base?.tensors.get(parameter)];
      if (found === undefined || before === undefined) throw new Error(parameter);
      const [x, w] = [await valuesOf(found), await valuesOf(before)];
      for (const [i, y] of (await valuesOf(tensor)).entries()) {
        const [mine, was] = [x[i] ?? Number.NaN, w[i] ?? Number.NaN];
        moved = Math.max(moved, Math.abs(y - was));
        // One bf16 step for each of three roundings, of factors, delta and sum.
        expect(Math.abs(mine - y), `${parameter}[${i}]`).toBeLessThanOrEqual(
          3 * 2 ** -8 * (Math.abs(was) + Math.abs(y - was) + 2 ** -8),
        );
      }
    }
    expect(moved).toBeGreaterThan(0.01);
  });
});

describe("a merge into tied embeddings", () => {
  it.each(tied)("unties where the uses change differently: %s", async (name) => {
    const { files, report } = await merged(name);
    expect(await differences(files, fixture(`merge/${name}/expected-untied`))).toEqual([]);
    expect(report.ties.map(({ alias, action }) => [alias, action])).toEqual([["lm_head.weight", "untied"]]);
  });

  it.each(tied)("keeps the tie as PEFT does, when asked to: %s", async (name) => {
    const { files, report } = await merged(name, { ties: "keep" });
    expect(await differences(files, fixture(`merge/${name}/expected`))).toEqual([]);
    expect(report.ties.map(({ action }) => action)).toEqual(["kept"]);
  });

  it("adds a delta that ensure_weight_tying shares once; PEFT adds it twice", async () => {
    const { files, report } = await merged("tied-ensure");
    expect(report.ties.map(({ action }) => action)).toEqual(["kept"]);
    expect(report.adapters[0]?.unused).toEqual([]);
    await using ours = await openWritten(files);
    await using twice = await openWritten(fixture("merge/tied-ensure/expected"));
    await using base = await openWritten(fixture("base/llama-tied-bf16"));
    const [x, y, w] = await Promise.all(
      [ours, twice, base].map(async ({ base: model }) => {
        const tensor = model?.tensors.get("model.embed_tokens.weight");
        if (tensor === undefined) throw new Error("no embedding");
        return valuesOf(tensor);
      }),
    );
    let moved = 0;
    for (const [i, was] of (w ?? []).entries()) {
      const [once, double] = [(x?.[i] ?? Number.NaN) - was, (y?.[i] ?? Number.NaN) - was];
      moved = Math.max(moved, Math.abs(once));
      expect(Math.abs(2 * once - double), `[${i}]`).toBeLessThanOrEqual(
        4 * 2 ** -8 * (Math.abs(was) + Math.abs(double)),
      );
    }
    expect(moved).toBeGreaterThan(0.01);
    expect(
      await differences(
        (await merged("tied-ensure", { ties: "keep" })).files,
        fixture("merge/tied-ensure/expected"),
      ),
    ).toEqual([]);
  });
});

describe("a merge of an adapter whose initialisation changed the base", () => {
  it.each(["init-pissa", "init-olora"])("is exact on the residual base: %s", async (name) => {
    const residual = fixture(json(`merge/${name}/case.json`)["residualBase"] as string);
    const output = memorySink();
    await tenon.merge(residual, {
      adapters: [fixture(`merge/${name}/adapter`)],
      output,
      accumulate: "fma",
      hasResidualBase: true,
    });
    expect(await differences(output.files, fixture(`merge/${name}/expected`))).toEqual([]);
  });

  it.each(["init-pissa", "init-olora"])(
    "is as near as f32 on the original base, given the initial adapter: %s",
    async (name) => {
      const initialAdapter = fixture(json(`merge/${name}/case.json`)["initialAdapter"] as string);
      const { files, report } = await merged(name, { initialAdapter });
      expect(report.adapters[0]?.unused).toEqual([]);
      await using ours = await openWritten(files);
      await using theirs = await openWritten(fixture(`merge/${name}/expected`));
      for (const [parameter, tensor] of theirs.base?.tensors ?? []) {
        const found = ours.base?.tensors.get(parameter);
        if (found === undefined) throw new Error(parameter);
        const x = await valuesOf(found);
        const y = await valuesOf(tensor);
        const scale = Math.max(...y.map(Math.abs));
        for (const [i, value] of y.entries())
          expect(Math.abs((x[i] ?? Number.NaN) - value), `${parameter}[${i}]`).toBeLessThanOrEqual(
            2 ** -18 * scale,
          );
      }
    },
  );
});

describe("a merge that is refused", () => {
  it.each(Object.entries(refused))("%s: %s", async (name, code) => {
    await expect(merged(name)).rejects.toMatchObject({ code });
  });
});
