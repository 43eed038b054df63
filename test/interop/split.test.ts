import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { scratch, tenon } from "./command.ts";
import {
  type Apart,
  expectAllKeys,
  expectSameBits,
  expectSameLogits,
  type Keys,
  type LogitsApart,
} from "./found.ts";
import { type Hybrid, saved, trained, variants, ways } from "./hybrid.ts";
import { Python, seed } from "./python.ts";

// LoRA and base trained together by the Trainer, saved by the tools in the ways people use, split by the command line,
// loaded again by transformers and PEFT: every bit and every logit of the model as it was trained.

interface Judged {
  readonly keys: Keys;
  readonly hasConfig: boolean;
  readonly base: Apart;
  readonly adapter: Apart;
  readonly logits: LogitsApart;
}

const folder = scratch();
const python = new Python();

beforeAll(() => python.ready());
afterAll(async () => {
  await python.stop();
  folder.remove();
});

describe.each(variants)("a hybrid, %s,", (variant) => {
  let hybrid: Hybrid;

  beforeAll(async () => {
    hybrid = await trained(python, variant, folder.path);
  });

  it.each(ways)("saved as %s comes apart into the model that was trained", async (way) => {
    const output = join(folder.path, variant, `split-${way.replace("/", "-")}`);
    await tenon("split", ...saved(hybrid, way), "-o", output);
    const judged = await python.call<Judged>("judge_split", { name: variant, output, base: hybrid.base });
    expectAllKeys(judged.keys);
    expectSameBits(judged.base);
    expectSameBits(judged.adapter);
    expectSameLogits(judged.logits);
    expect(judged.hasConfig).toBe(way === "legacy" || way === "inner");
    const written = readFileSync(join(output, "adapters/default/adapter_model.safetensors"));
    expect(written.equals(readFileSync(hybrid.adapterFile)), `seed ${seed}: the file that PEFT writes`).toBe(
      true,
    );
  });

  it("keeps only what moved beside the base that it was trained from", async () => {
    const output = join(folder.path, variant, "split-beside-base");
    await tenon("split", ...saved(hybrid, "zip/model.pt"), "--base", hybrid.base, "-o", output);
    const judged = await python.call<{
      weights: Apart;
      logits: LogitsApart;
      kept: readonly string[];
      moved: readonly string[];
    }>("judge_delta", { name: variant, output, base: hybrid.base });
    expectSameBits(judged.weights);
    expectSameLogits(judged.logits);
    expect(judged.moved.length).toBeGreaterThan(0);
    // A tied head is the embedding: it is stored once.
    const stored = judged.moved.filter((name) => variant !== "tied" || name !== "lm_head.weight");
    expect(judged.kept).toEqual(stored);
  });

  it("merges into what PEFT merges the live model into", async () => {
    const output = join(folder.path, variant, "merged");
    const words = [...saved(hybrid, "legacy"), "-o", output, "--accumulate", "fma"];
    await tenon("merge", ...words);
    const judged = await python.call<{ keys: Keys; weights: Apart; logits: LogitsApart }>("judge_merged", {
      name: variant,
      output,
    });
    expectAllKeys(judged.keys);
    expectSameBits(judged.weights);
    expectSameLogits(judged.logits);
  });
});
