import { join } from "node:path";
import { afterAll, expect, it } from "vitest";
import { scratch, tenon } from "./command.ts";
import { type Apart, expectSameBits } from "./found.ts";
import { Python, seed } from "./python.ts";

// MKL can be told not to fuse. Then the default of `merge`, a product and a sum each rounded, is what PEFT computes.

const folder = scratch();
const python = await Python.start({ MKL_CBWR: "COMPATIBLE" });

afterAll(async () => {
  await python.stop();
  folder.remove();
});

/** Only MKL obeys. */
const isApart = (await python.chains()) === "muladd";

it.skipIf(process.env["CI"] === undefined)("in CI, torch multiplies and adds apart here", () => {
  expect(isApart).toBe(true);
});

it
  .skipIf(!isApart)
  .each(["linear-bf16", "linear-f16", "linear-f32", "rslora", "gpt2", "two-adapters", "weighted"])(
  "%s: merge as it is by default has PEFT's bits",
  async (name) => {
    const place = join(folder.path, name);
    const { base, adapter, adapters } = await python.call<{
      base: string;
      adapter: string;
      adapters: readonly (readonly [string, number])[];
    }>("make_merge", { name, seed, folder: place });
    const output = join(place, "merged");
    const chosen = adapters.flatMap(([label, weight]) => ["--adapter", `${label}=${weight}`]);
    await tenon("merge", base, adapter, "-o", output, ...chosen);
    const judged = await python.call<{ weights: Apart }>("judge_merge", { name, folder: place, output });
    expectSameBits(judged.weights);
  },
);
