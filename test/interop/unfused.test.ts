import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { scratch, tenon } from "./command.ts";
import { type Apart, expectSameBits } from "./found.ts";
import { Python, seed } from "./python.ts";

// MKL can be told not to fuse. Then the default of `merge`, a product and a sum each rounded, is what PEFT computes.

const folder = scratch();
const python = new Python({ MKL_CBWR: "COMPATIBLE" });

beforeAll(() => python.ready());
afterAll(async () => {
  await python.stop();
  folder.remove();
});

it("torch multiplies and adds apart here", async () => {
  expect(await python.call<string>("chains")).toBe("muladd");
});

it.each(["linear-bf16", "linear-f16", "linear-f32", "rslora", "gpt2", "two-adapters", "weighted"])(
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
