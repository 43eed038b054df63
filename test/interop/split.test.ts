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
import { furtherVariants, type Hybrid, saved, trained, type Variant, variants, ways } from "./hybrid.ts";
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
const python = await Python.start();
const isFused = (await python.chains()) === "fma";

afterAll(async () => {
  await python.stop();
  folder.remove();
});

/**
 * Where the adapter's file holds the same tensors as PEFT's and is not the same file: PEFT adds copies of targeted
 * embeddings, which are the base's; transformers saves Mixtral under names of its version 4.
 */
function isNamedOtherwise(variant: Variant, way: string): boolean {
  return variant === "embedding" || (variant === "mixtral" && way === "inner");
}

/** transformers 5 has mixtral's experts fused in memory, and stores each. */
function nameInMemory(name: string): string {
  return name
    .replace("block_sparse_moe", "mlp")
    .replace(/experts\.\d+\.w(?:1|3)\.weight$/, "experts.gate_up_proj")
    .replace(/experts\.\d+\.w2\.weight$/, "experts.down_proj");
}

describe.each([...variants, ...furtherVariants])("a hybrid, %s,", (variant) => {
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
    if (isNamedOtherwise(variant, way)) return;
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
      all: boolean;
    }>("judge_delta", { name: variant, output, base: hybrid.base });
    expectSameBits(judged.weights);
    expectSameLogits(judged.logits);
    expect(judged.moved.length).toBeGreaterThan(0);
    expect(judged.all).toBe(variant !== "part" && variant !== "head");
    // A tied head is the embedding: it is stored once.
    const stored = judged.moved.filter((name) => !hybrid.tied || name !== "lm_head.weight");
    expect([...new Set(judged.kept.map(nameInMemory))].sort()).toEqual(stored);
  });

  it.skipIf(!isFused)("merges into what PEFT merges the live model into", async () => {
    const output = join(folder.path, variant, "merged");
    const chosen = hybrid.adapters.flatMap((name) => ["--adapter", name]);
    await tenon("merge", ...saved(hybrid, "legacy"), ...chosen, "-o", output, "--accumulate", "fma");
    const judged = await python.call<{ keys: Keys; weights: Apart; logits: LogitsApart }>("judge_merged", {
      name: variant,
      output,
    });
    expectAllKeys(judged.keys);
    if (variant === "dora") {
      // torch sums the norms in an order of its own; the rounding to bf16 hides nearly all of it.
      expect(judged.weights.ulp, `seed ${seed}`).toBeLessThanOrEqual(1);
      expect(judged.weights.differing / judged.weights.elements).toBeLessThan(1e-3);
      return;
    }
    expectSameBits(judged.weights);
    expectSameLogits(judged.logits);
  });
});
