import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { memorySink } from "../../src/bytes/index.ts";
import type { Tensor } from "../../src/core/index.ts";
import type { MergeOptions, MergeReport } from "../../src/verbs/index.ts";
import { tenonOn } from "../../src/verbs/index.ts";
import { bytesOf, expectSameTensors } from "../layouts/fixtures.ts";
import { openFiles, refusalOf } from "./converted.ts";
import { fixture, inlineHost } from "./tenon.ts";
import { type Meddle, openedAs } from "./with-masters.ts";

const tenon = tenonOn(inlineHost);

interface Case {
  readonly base: string;
  readonly adapters: readonly string[];
}

async function merged(
  name: string,
  options: Partial<MergeOptions>,
): Promise<{ tensors: ReadonlyMap<string, Tensor>; report: MergeReport }> {
  const { base, adapters } = JSON.parse(readFileSync(fixture(`merge/${name}/case.json`), "utf8")) as Case;
  const output = memorySink();
  const report = await tenon.merge(fixture(base), { adapters: adapters.map(fixture), output, ...options });
  const checkpoint = await openFiles(output.files);
  return { tensors: checkpoint.base?.tensors ?? new Map(), report };
}

const trained = (name: string, meddle?: Meddle): ReturnType<typeof merged> =>
  merged(name, { layouts: openedAs("trained", meddle), fromMaster: true });

describe.each([
  "linear-bf16",
  "dora-linear",
  "dora-embedding",
  "lora-bias",
  "bias-all",
  "embedding",
  "embeddings-targeted",
  "modules-to-save-lm-head",
  "modules-to-save-norm",
  "token-indices",
  "attention",
  "experts",
  "conv2d",
  "gpt2-conv1d",
  "named-adapter",
])("masters of an adapter like %s", (name) => {
  it("give what a model gives that is its masters, rounded once", async () => {
    const found = await trained(name);
    const expected = await merged(name, { layouts: openedAs("masters"), dtype: "BF16" });
    await expectSameTensors(found.tensors, expected.tensors);
    // And the 16-bit tensors give something else.
    const rounded = await merged(name, { layouts: openedAs("trained") });
    const differing = [...found.tensors].map(async ([key, tensor]) =>
      Buffer.compare(await bytesOf(tensor), await bytesOf(rounded.tensors.get(key))),
    );
    expect((await Promise.all(differing)).some((order) => order !== 0)).toBe(true);
  });

  it("are all named", async () => {
    const { report } = await trained(name);
    const used = report.adapters.reduce((sum, each) => sum + each.used.length, 0);
    const ofAdapter = report.masters.find(({ source }) => source === report.adapters[0]?.source);
    expect(ofAdapter?.tensors).toHaveLength(used);
  });
});

describe("masters that do not fit", () => {
  const name = "linear-bf16";
  const q = "model.layers.0.self_attn.q_proj";
  const refusal = (meddle: Meddle): ReturnType<typeof refusalOf> => refusalOf(trained(name, meddle));
  const only =
    (key: string, change: (tensor: Tensor) => Tensor): Meddle =>
    (masters) => {
      const tensor = masters.get(key);
      if (tensor !== undefined) masters.set(key, change(tensor));
    };

  it.each([
    ["a base parameter", `${q}.weight`],
    ["a factor", `default:${q}.lora_A`],
  ])("are refused in another shape: %s", async (_, key) => {
    const { code, details, hint } = await refusal(only(key, (tensor) => ({ ...tensor, shape: [7] })));
    expect({ code, tensor: details["tensor"] }).toEqual({ code: "TENON_MASTER_MISMATCH", tensor: key });
    expect(details["found"]).toEqual({ dtype: "F32", shape: [7] });
    expect(hint).toContain("--from-master");
  });

  it("are refused in another dtype", async () => {
    const { code } = await refusal(only(`${q}.weight`, (tensor) => ({ ...tensor, dtype: "F16" })));
    expect(code).toBe("TENON_MASTER_MISMATCH");
  });

  it("are refused when the model's tensor is no rounding of them", async () => {
    const { code, details } = await refusal((masters) => {
      const [one, other] = [
        masters.get(`${q}.weight`),
        masters.get("model.layers.1.self_attn.q_proj.weight"),
      ];
      if (one !== undefined && other !== undefined) masters.set(`${q}.weight`, other);
    });
    expect({ code, tensor: details["tensor"] }).toEqual({
      code: "TENON_MASTER_DIFFERS",
      tensor: `${q}.weight`,
    });
    expect(details["found"]).toBeGreaterThan(10 * (details["allowed"] as number));
  });

  it("are refused when they belong to nothing", async () => {
    const { code, details } = await refusal((masters) => {
      const tensor = masters.get(`${q}.weight`);
      if (tensor !== undefined) masters.set("0", tensor);
    });
    expect({ code, tensor: details["tensor"] }).toEqual({ code: "TENON_MASTER_UNMATCHED", tensor: "0" });
  });

  it("are refused when a tied parameter has two", async () => {
    const { code, details } = await refusalOf(
      trained("tied-lm-head-targeted", (masters) => {
        const tensor = masters.get("model.embed_tokens.weight");
        if (tensor !== undefined) masters.set("lm_head.weight", tensor);
      }),
    );
    expect({ code, tensor: details["tensor"] }).toEqual({
      code: "TENON_MASTER_SEVERAL",
      tensor: "model.embed_tokens.weight",
    });
  });

  it("may be some only: the rest is the model's own", async () => {
    const { report, tensors } = await trained(name, (masters) => {
      for (const key of [...masters.keys()]) if (!key.includes("lora_B")) masters.delete(key);
    });
    expect(report.masters.flatMap((each) => each.tensors).every((key) => key.endsWith("lora_B"))).toBe(true);
    const all = (await trained(name)).tensors;
    expect(await bytesOf(tensors.get(`${q}.weight`))).not.toEqual(await bytesOf(all.get(`${q}.weight`)));
  });
});
